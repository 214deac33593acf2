import { SEV_FEATURES } from '../../lib/abi/vmsa.ts';
import {
  checkGuestFeatures,
  checkSevEsFeatures,
  guestFeatureNames,
  readGuestFeatures,
  refuseReservedFeatures,
} from '../../lib/measure/guest-features.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

for (const features of [0x1n, 0x21n, 0x201n, 0x1_0001n, 0x3_0001n, 0x403_0001n, (1n << 64n) - 1n]) {
  test(`guest features 0x${features.toString(16)} are taken`, () => {
    expect(checkGuestFeatures(features)).toBe(features);
  });
}

for (const policy of [0x30000n, 0xb0000n, 0x3001fn, 0x30001n]) {
  test(`0x${policy.toString(16)} is refused as a guest policy in the wrong place`, () => {
    const error = harnessErrorOf(() => refuseReservedFeatures(policy));
    expect(error.code).toBe('GUEST_FEATURES_INVALID');
    expect(error.what).toContain('looks like a guest policy');
    expect(error.hint).toMatch(/guest policy .* and guest features .* are different things/);
  });
}

test('features without SNPActive, a guest policy among them, negative or wider than 64 bits are refused', () => {
  expect(harnessErrorOf(() => checkGuestFeatures(0x20n)).hint).toContain('did you mean 0x21?');
  expect(harnessErrorOf(() => checkGuestFeatures(0n)).what).toContain('bit 0 (SNPActive) is not set');
  expect(harnessErrorOf(() => checkGuestFeatures(0x30000n)).what).toContain('looks like a guest policy');
  expect(harnessErrorOf(() => checkGuestFeatures(-1n)).what).toContain('-0x1: not a number of 64 bits');
  expect(harnessErrorOf(() => checkGuestFeatures((1n << 64n) | 1n)).what).toContain('not a number of 64 bits');
});

test('set bits are called by name, those without one by number', () => {
  expect(guestFeatureNames(0x21n)).toEqual(['SNPActive', 'DebugSwap']);
  expect(guestFeatureNames((1n << 63n) | 1n)).toEqual(['SNPActive', 'bit 63']);
});

test('features are read as numbers, and as names in any case, each defined bit by its own', () => {
  for (const [text, features] of [
    ['0x21', 0x21n],
    ['33', 0x21n],
    ['SNPActive', 0x1n],
    ['snpactive+DEBUGSWAP', 0x21n],
    ['SNPActive + SecureTSC', 0x201n],
    ['SNPActive+SNPActive', 0x1n],
    ['0xffffffffffffffff', (1n << 64n) - 1n],
  ] as const) {
    expect(readGuestFeatures(text), text).toBe(features);
  }
  for (const [name, bit] of Object.entries(SEV_FEATURES)) {
    expect(readGuestFeatures(name)).toBe(1n << BigInt(bit));
    expect(() => refuseReservedFeatures(1n << BigInt(bit)), name).not.toThrow();
  }
});

test('a name that is none is refused with the closest one, a number that is too wide as such', () => {
  expect(harnessErrorOf(() => readGuestFeatures('SNPActive+DebugSwp')).hint).toMatch(
    /^did you mean DebugSwap\? known: /,
  );
  expect(harnessErrorOf(() => readGuestFeatures('quux')).hint).toMatch(/^known: SNPActive, /);
  for (const text of ['', '+', 'SNPActive+', '-1', '1.5', '0x']) {
    expect(harnessErrorOf(() => readGuestFeatures(text)).code, text).toBe('GUEST_FEATURES_INVALID');
  }
  for (const text of ['0x10000000000000000', '9'.repeat(50)]) {
    expect(harnessErrorOf(() => readGuestFeatures(text)).what).toContain('not a number of 64 bits');
  }
});

test('reserved bits are refused by number, one or several', () => {
  expect(harnessErrorOf(() => refuseReservedFeatures(0x801n)).what).toBe('guest features 0x801: bit 11 is reserved');
  const several = harnessErrorOf(() => refuseReservedFeatures((1n << 63n) | 0x2001n));
  expect(several.what).toContain('bit 13, bit 63 are reserved');
  expect(several.hint).toContain('--allow-reserved-features');
});

test('an SEV-ES guest has no SNPActive', () => {
  expect(checkSevEsFeatures(0x20n)).toBe(0x20n);
  expect(harnessErrorOf(() => checkSevEsFeatures(0x21n)).what).toContain('so this is no SEV-ES guest');
  expect(harnessErrorOf(() => checkSevEsFeatures(0x30000n)).what).toContain('looks like a guest policy');
});
