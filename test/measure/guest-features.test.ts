import { checkGuestFeatures, guestFeatureNames } from '../../lib/measure/guest-features.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

for (const features of [0x1n, 0x21n, 0x201n, 0x1_0001n, 0x403_0001n, (1n << 64n) - 1n]) {
  test(`guest features 0x${features.toString(16)} are taken`, () => {
    expect(checkGuestFeatures(features)).toBe(features);
  });
}

for (const policy of [0x30000n, 0xb0000n, 0x3001fn, 0x30001n]) {
  test(`0x${policy.toString(16)} is refused as a guest policy in the wrong place`, () => {
    const error = harnessErrorOf(() => checkGuestFeatures(policy));
    expect(error.code).toBe('GUEST_FEATURES_INVALID');
    expect(error.what).toContain('looks like a guest policy');
    expect(error.hint).toMatch(/guest policy .* and guest features .* are different things/);
  });
}

test('features without SNPActive, negative or wider than 64 bits are refused', () => {
  expect(harnessErrorOf(() => checkGuestFeatures(0x20n)).hint).toContain('did you mean 0x21?');
  expect(harnessErrorOf(() => checkGuestFeatures(0n)).what).toContain('bit 0 (SNPActive) is not set');
  expect(harnessErrorOf(() => checkGuestFeatures(-1n)).what).toContain('-0x1: not a number of 64 bits');
  expect(harnessErrorOf(() => checkGuestFeatures((1n << 64n) | 1n)).what).toContain('not a number of 64 bits');
});

test('set bits are called by name, those without one by number', () => {
  expect(guestFeatureNames(0x21n)).toEqual(['SNPActive', 'DebugSwap']);
  expect(guestFeatureNames((1n << 63n) | 1n)).toEqual(['SNPActive', 'bit 63']);
});
