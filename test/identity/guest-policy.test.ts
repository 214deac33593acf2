import fc from 'fast-check';
import { describeGuestPolicy, GUEST_POLICY_BITS, parseGuestPolicy } from '../../lib/identity/guest-policy.ts';
import { expect, test } from '../support/test.ts';

// Source: AMD 56860, guest policy; the values are those of published reports.
test('the default policy 0x30000 allows SMT and no debugging, on any firmware', () => {
  expect(parseGuestPolicy(0x30000n)).toEqual({
    abiMajor: 0,
    abiMinor: 0,
    bits: ['SMT', 'RESERVED_ONE'],
    unknownBits: 0n,
  });
  expect(describeGuestPolicy(0x30000n)).toBe('0x30000: firmware API 0.0 or later, SMT allowed, no debugging');
});

test('the policy 0xb011f asks for API 1.31 and shouts that it allows debugging', () => {
  expect(parseGuestPolicy(0xb011fn)).toMatchObject({
    abiMajor: 1,
    abiMinor: 31,
    bits: ['SMT', 'RESERVED_ONE', 'DEBUG'],
  });
  expect(describeGuestPolicy(0xb011fn)).toContain('DEBUG ALLOWED');
});

test('a policy without bit 17 is described as one that no firmware launches', () => {
  expect(describeGuestPolicy(0x10000n)).toContain('bit 17 CLEAR');
});

test('bits without a name stay visible', () => {
  expect(parseGuestPolicy(0x8000_0000_0403_0000n).unknownBits).toBe(0x8000_0000_0400_0000n);
  expect(describeGuestPolicy(0x403_0000n)).toContain('unknown bits 0x4000000');
});

test('every bit of any policy is in the API version, a name, or the unknown bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (policy) => {
      const { abiMajor, abiMinor, bits, unknownBits } = parseGuestPolicy(policy);
      const named = GUEST_POLICY_BITS.filter(({ name }) => bits.includes(name)).map(({ bit }) => 1n << BigInt(bit));
      const version = BigInt(abiMajor * 256 + abiMinor);
      expect(named.reduce((sum, bit) => sum + bit, version + unknownBits)).toBe(policy);
    }),
  );
});

test('a number that does not fit 64 bits is no policy', () => {
  for (const policy of [-1n, 1n << 64n]) expect(() => parseGuestPolicy(policy)).toThrow(/^GUEST_POLICY_INVALID: /);
});
