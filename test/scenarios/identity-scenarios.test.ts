import { createGuest } from '../../lib/firmware/guest-context.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { checkIdentity, firmwareAnswer } from '../../lib/identity/identity-check.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { IDENTITY_SCENARIOS } from '../../lib/scenarios/identity-scenarios.ts';
import { PLAIN_FINISH, POLICY } from '../firmware/platform.ts';
import { expect, test } from '../support/test.ts';

const DIGEST = new Uint8Array(48).fill(0xd1);
const PEOPLE = { owner: generateKeys(), stranger: generateKeys() };
const inputs = { launchDigest: DIGEST, guestPolicy: POLICY, ...PEOPLE };

/** The statuses that must be seen. Source: AMD 56860, SNP_LAUNCH_FINISH; null: the guest runs, or KVM answers. */
const STATUSES: Readonly<Record<string, number | null>> = {
  'identity/right': null,
  'identity/no-id-block': null,
  'identity/no-author-key': null,
  'identity/author-key-not-enabled': null,
  'identity/wrong-digest': 11,
  'identity/wrong-policy': 7,
  'identity/broken-block-signature': 10,
  'identity/block-signed-by-another-key': 10,
  'identity/broken-author-signature': 10,
  'identity/id-key-signed-by-another-author': 10,
  'identity/author-key-absent': 22,
  'identity/unknown-algorithm': 22,
  'identity/no-id-auth': null,
  'identity/policy-and-signatures-wrong': 7,
  'identity/everything-wrong': 11,
};

// Names stand in recordings and in the histories of CI systems: one that is gone or renamed is a test that is lost.
test('the scenarios are these, in this order', () => {
  expect(IDENTITY_SCENARIOS.map(({ name }) => name)).toEqual(Object.keys(STATUSES));
});

// The emulated firmware shares no code with them: that both agree is evidence.
for (const { name, identity, expectation } of IDENTITY_SCENARIOS) {
  test(`${name}: the firmware says ${STATUSES[name] ?? 'nothing against it'}, and that is what is expected`, () => {
    const { idBlock, idAuth, authorKeyEnabled } = identity(inputs);
    const guest = { ...createGuest(), state: 'launch' as const, asid: 1, policy: POLICY, launchDigest: DIGEST };
    const status = launchFinish(guest, { ...PLAIN_FINISH, idBlock, idAuth, authorKeyEnabled });
    expect(status).toBe(STATUSES[name] ?? 0);
    const byFirmware = expectation.outcome === 'refused' && expectation.refusal.by === 'firmware';
    expect(byFirmware ? expectation.refusal.fwError : null).toBe(STATUSES[name]);
    expect(expectation.outcome).toBe(byFirmware || name === 'identity/no-id-auth' ? 'refused' : 'accepted');
  });
}

// Without a firmware too: what `id-block --check` answers.
test('the offline check of an ID block answers the status that is expected', () => {
  for (const { name, identity } of IDENTITY_SCENARIOS) {
    const { idBlock, idAuth, authorKeyEnabled } = identity(inputs);
    if (idBlock === null || idAuth === null) continue;
    const results = checkIdentity({ idBlock, idAuth, authorKeyEnabled, launchDigest: DIGEST, policy: POLICY });
    expect([name, firmwareAnswer(results)?.refusal ?? null]).toEqual([name, STATUSES[name]]);
  }
});

test('only an ID block without ID auth is left to KVM', () => {
  const { idBlock, idAuth } =
    IDENTITY_SCENARIOS.find(({ name }) => name === 'identity/no-id-auth')?.identity(inputs) ?? {};
  expect([idBlock?.length, idAuth]).toEqual([96, null]);
});

// Source: QEMU, target/i386/sev.c, sev_fw_errlist.
test('the line of a refusal is the one that QEMU prints', () => {
  const lines = IDENTITY_SCENARIOS.flatMap(({ expectation }) =>
    expectation.outcome === 'refused' ? [expectation.refusal.line] : [],
  );
  expect(new Set(lines)).toEqual(
    new Set([
      "SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'",
      "SNP_LAUNCH_FINISH ret=-5 fw_error=7 'Policy is not allowed'",
      "SNP_LAUNCH_FINISH ret=-5 fw_error=10 'Bad signature'",
      "SNP_LAUNCH_FINISH ret=-5 fw_error=22 'Invalid parameter'",
      "SNP_LAUNCH_FINISH ret=-22 fw_error=0 ''",
    ]),
  );
});
