import { findHostProfile, HOST_PROFILES, kernelAcceptsPolicy } from '../../lib/firmware/profiles.ts';
import { expect, test } from '../support/test.ts';

test('profiles are found by their names, which are unique', () => {
  expect(HOST_PROFILES.map((profile) => findHostProfile(profile.name))).toEqual(HOST_PROFILES);
  expect(new Set(HOST_PROFILES.map((profile) => profile.name)).size).toBe(HOST_PROFILES.length);
  expect(findHostProfile('upstream-6.1')).toBeUndefined();
});

const passes = (name: string, policy: bigint, announced = 0n): boolean => {
  const profile = findHostProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return kernelAcceptsPolicy(profile, policy, announced);
};

for (const { name } of HOST_PROFILES) {
  test(`${name} passes on the policies that people launch with`, () => {
    for (const policy of [0x30000n, 0xb0000n, 0x3001fn, 0x3ffffn]) expect(passes(name, policy)).toBe(true);
  });

  test(`${name} refuses a policy with bit 17 clear, a migration agent, or a bit that no firmware knows`, () => {
    for (const policy of [0x10000n, 0x70000n, 0x4030000n, 0x8000_0000_0003_0000n]) {
      expect(passes(name, policy, 0x3e0_0000n), policy.toString(16)).toBe(false);
    }
  });
}

const STRICT = ['upstream-6.12', 'amd-6.8'];

// Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_start, before and since commits 9f4701e05fae and 24be2b7956a5 of 6.17.
test('only kernels before 6.17 refuse a policy without SMT, and one of a single socket', () => {
  const strict = HOST_PROFILES.filter(({ name }) => !passes(name, 0x20000n)).map(({ name }) => name);
  expect(strict).toEqual(STRICT);
  expect(HOST_PROFILES.filter(({ name }) => !passes(name, 0x130000n)).map(({ name }) => name)).toEqual(STRICT);
});

// Source: Linux commits c9434e64e8b4 and 275d6d1189e6 of 6.19.
test('bits 21 to 25 pass on 6.19 alone, and there only when the firmware announces them', () => {
  for (const bit of [21n, 22n, 23n, 24n, 25n]) {
    const policy = 0x30000n | (1n << bit);
    const open = HOST_PROFILES.filter(({ name }) => passes(name, policy, 1n << bit)).map(({ name }) => name);
    expect(open, `bit ${bit}`).toEqual(['upstream-6.19']);
    expect(passes('upstream-6.19', policy), `bit ${bit} not announced`).toBe(false);
  }
});
