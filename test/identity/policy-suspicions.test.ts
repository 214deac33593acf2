import { guestPolicyIsValid, policySuspicion } from '../../lib/identity/policy-suspicions.ts';
import { expect, test } from '../support/test.ts';

const SUSPICIONS: readonly (readonly [policy: bigint, kind: string | undefined, meant: bigint | undefined])[] = [
  [0x1n, 'guest-features', 0x30000n],
  [0x21n, 'guest-features', 0x30000n],
  [0x201n, 'guest-features', 0x30000n],
  [0x200001n, 'guest-features', 0x30000n],
  [0x300000n, 'typo', 0x30000n],
  [0x3000n, 'typo', 0x30000n],
  [0x3n, 'guest-features', 0x30000n],
  [30000n, 'typo', 0x30000n],
  [0xb00000n, 'typo', 0xb0000n],
  [0x0000030000000000n, 'typo', 0x30000n],
  [0x300n, 'typo', 0x30000n],
  [0x10000n, 'typo', 0x30000n],
  [0x90000n, 'typo', 0xb0000n],
  [0xffffffffffffffffn, undefined, undefined],
];

for (const [policy, kind, meant] of SUSPICIONS) {
  const looks = kind === undefined ? 'like nothing in particular' : `like ${kind} for 0x${meant?.toString(16)}`;
  test(`0x${policy.toString(16)} looks ${looks}`, () => {
    const suspicion = policySuspicion(policy);
    expect(suspicion?.kind).toBe(kind);
    expect(suspicion?.meant ?? undefined).toBe(meant);
  });
}

test('nothing is suspected of a policy that some firmware launches', () => {
  for (const policy of [0x20000n, 0x30000n, 0x3001fn, 0x30021n, 0xb0000n, 0x3ff0000n]) {
    expect(guestPolicyIsValid(policy)).toBe(true);
    expect(policySuspicion(policy)).toBeNull();
  }
});
