import fc from 'fast-check';
import {
  buildGuestPolicy,
  describeGuestPolicy,
  explainGuestPolicy,
  GUEST_POLICY_BITS,
  parseGuestPolicy,
} from '../../lib/identity/guest-policy.ts';
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
  expect(describeGuestPolicy(0x403_0000n)).toContain('reserved bits 26');
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

const anyPolicy = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('any 64-bit policy that is taken apart can be put together again', () => {
  fc.assert(
    fc.property(anyPolicy, (policy) => {
      expect(buildGuestPolicy(parseGuestPolicy(policy))).toBe(policy);
    }),
  );
});

test('an explanation names every reserved bit that is set, and nothing else as wrong but bit 17', () => {
  fc.assert(
    fc.property(anyPolicy, (policy) => {
      const rows = explainGuestPolicy(policy);
      const reserved = rows.filter(({ field }) => field === 'RESERVED').map(({ bits }) => Number(bits));
      const expected = Array.from({ length: 38 }, (_, index) => index + 26).filter(
        (bit) => ((policy >> BigInt(bit)) & 1n) === 1n,
      );
      expect(reserved).toEqual(expected);
      const wrong = rows.filter((row) => row.wrong).map(({ bits }) => bits);
      const bit17 = (policy & 0x20000n) === 0n ? ['17'] : [];
      expect(wrong).toEqual([...bit17, ...expected.map(String)]);
    }),
  );
});

test('an explanation holds the value of every field, so that the policy can be read off it', () => {
  fc.assert(
    fc.property(anyPolicy, (policy) => {
      const read = explainGuestPolicy(policy).reduce((sum, { bits, value }) => {
        const lowest = Number(bits.split(':').at(-1));
        return sum + (BigInt(value) << BigInt(lowest));
      }, 0n);
      expect(read).toBe(policy);
    }),
  );
});

test('a policy is not put together of a version that does not fit, or of unknown bits that have a name', () => {
  const parts = { abiMajor: 0, abiMinor: 0, bits: [], unknownBits: 0n };
  for (const version of [256, -1, 0.5]) {
    expect(() => buildGuestPolicy({ ...parts, abiMinor: version })).toThrow(/^GUEST_POLICY_INVALID: ABI 0\./);
    expect(() => buildGuestPolicy({ ...parts, abiMajor: version })).toThrow(/^GUEST_POLICY_INVALID: ABI /);
  }
  for (const unknownBits of [1n, 0x10000n, 0x2000000n, 0x6000000n]) {
    expect(() => buildGuestPolicy({ ...parts, unknownBits })).toThrow(/^GUEST_POLICY_INVALID: .*have a name/);
  }
});
