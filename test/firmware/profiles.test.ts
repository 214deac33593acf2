import { findHostProfile, HOST_PROFILES, kernelAcceptsPolicy } from '../../lib/firmware/profiles.ts';
import { expect, test } from '../support/test.ts';

test('profiles are found by their names, which are unique', () => {
  expect(HOST_PROFILES.map((profile) => findHostProfile(profile.name))).toEqual(HOST_PROFILES);
  expect(new Set(HOST_PROFILES.map((profile) => profile.name)).size).toBe(HOST_PROFILES.length);
  expect(findHostProfile('upstream-6.1')).toBeUndefined();
});

/** Policies that Linux 6.11 to 6.17 refuse with EINVAL, and why. Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_start. */
const REFUSED = [
  ['SMT not allowed', 0x20000n],
  ['bit 17 clear', 0x10000n],
  ['single socket', 0x130000n],
  ['migration agent', 0x70000n],
  ['CXL', 0x230000n],
  ['AES-256-XTS', 0x430000n],
  ['RAPL', 0x830000n],
  ['ciphertext hiding', 0x1030000n],
  ['page swap disabled', 0x2030000n],
  ['the highest bit', 0x8000_0000_0003_0000n],
] as const;

for (const profile of HOST_PROFILES) {
  test(`${profile.name} passes on the policies that people launch with`, () => {
    for (const policy of [0x30000n, 0xb0000n, 0x3001fn, 0x3ffffn])
      expect(kernelAcceptsPolicy(profile, policy)).toBe(true);
  });

  for (const [why, policy] of REFUSED) {
    test(`${profile.name} refuses policy 0x${policy.toString(16)}: ${why}`, () => {
      expect(kernelAcceptsPolicy(profile, policy)).toBe(false);
    });
  }
}
