import type { Evidence } from '../../lib/evidence/schema.ts';
import { judge } from '../../lib/judge/judge.ts';
import { guestOf } from '../../lib/runner/guest.ts';
import { refusedWith, toBeRefusedWith, toConform, toMeasure, toVerify } from '../../lib/runner/matchers.ts';
import type { CellOutcome } from '../../lib/runner/outcome.ts';
import { attestedEvidence } from '../judge/attested-evidence.ts';
import { evidence, NONCE, PREDICTED, prediction, refusal, refusedAtFinish } from '../judge/made-evidence.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const outcomeOf = (left: Evidence): CellOutcome => {
  const verdict = judge(prediction, left);
  return { prediction, evidence: left, verdict, explanation: undefined, file: '' };
};
const OTHER = 'e0'.repeat(48);

test('a guest is its report, its nonce and its prediction; one that was refused is told with what to do', () => {
  const guest = guestOf(outcomeOf(evidence()));
  expect(Buffer.from(guest.report.measurement).toString('hex')).toBe(PREDICTED);
  expect(Buffer.from(guest.nonce).toString('hex')).toBe(NONCE);
  const refused = harnessErrorOf(() => guestOf(outcomeOf(refusedAtFinish(11, 'Bad measurement'))));
  expect(refused.code).toBe('CHECK_FAILED');
  expect(refused.message).toMatch(/Bad measurement[\s\S]*hint: .*toBeRefusedWith/);
});

test('toMeasure takes a prediction, bytes or hex, and shows both digests where they differ', () => {
  const guest = guestOf(outcomeOf(evidence()));
  for (const same of [prediction, prediction.launchDigest, PREDICTED.toUpperCase()]) {
    expect(toMeasure(guest, same).pass).toBe(true);
    expect(toMeasure(guest.report, same).pass).toBe(true);
  }
  const other = toMeasure(guest, OTHER);
  expect(other.pass).toBe(false);
  expect(other.message()).toContain(
    `CHECK_FAILED: the launch digest is another\nexpected ${OTHER}\nobserved ${PREDICTED}\n`,
  );
  expect(toMeasure(guest, PREDICTED).message()).toContain('must not be');
  expect(errorCodeOf(() => toMeasure(guest, 'c2FtZQ=='))).toBe('DIGEST_INVALID');
});

test('toMeasure of a launch that nobody could see measured nothing, until an explanation found it out', () => {
  const refused = outcomeOf(refusedAtFinish(11, 'Bad measurement'));
  expect(toMeasure(refused, PREDICTED)).toMatchObject({ pass: false });
  expect(toMeasure(refused, PREDICTED).message()).toContain('observed nothing: no guest reported');
  const rest = { direction: 'observed' as const, explanations: [], tried: 0, exhausted: true, seconds: 0 };
  expect(toMeasure({ ...refused, explanation: { ...rest, target: OTHER } }, OTHER).pass).toBe(true);
});

test('toBeRefusedWith tells firmware from KVM, one status from another, and a guest that ran', () => {
  const refused = outcomeOf(refusedAtFinish(11, 'Bad measurement'));
  expect(toBeRefusedWith(refused, 'BAD_MEASUREMENT').pass).toBe(true);
  expect(toBeRefusedWith(refused, 'POLICY_FAILURE').message()).toMatch(
    /expected POLICY_FAILURE\nobserved BAD_MEASUREMENT: .*SNP_LAUNCH_FINISH ret=-5 fw_error=11/,
  );
  expect(refusedWith(refusal('SNP_LAUNCH_START', -22, 0, ''))).toBe('EINVAL');
  expect(refusedWith(refusal('SNP_LAUNCH_FINISH', -5, 0x7777, ''))).toBe('0x7777');
  expect(toBeRefusedWith(outcomeOf(evidence()), 'BAD_MEASUREMENT').message()).toContain(
    'observed no refusal: the guest ran',
  );
  expect(errorCodeOf(() => toBeRefusedWith(refused, 'Bad measurement' as 'EINVAL'))).toBe('USAGE');
});

test('toVerify asks for what was sent and for what the options add, and names each check that fails', async () => {
  const launched = outcomeOf(await attestedEvidence());
  expect(toVerify(launched).message()).toContain('as it must not');
  expect(toVerify(launched).pass).toBe(true);
  const wrong = toVerify(launched, { measurement: new Uint8Array(48), policySet: ['DEBUG'] });
  expect(wrong.pass).toBe(false);
  expect(wrong.message()).toMatch(/measurement: [\s\S]*expected 0{96}\n +observed (?:d1){48}/);
  expect(harnessErrorOf(() => toVerify(outcomeOf(evidence()))).hint).toContain("report: 'verified'");
});

test('toVerify never takes an unproven report for a verified one', async () => {
  const bare = outcomeOf(await attestedEvidence({ attestation: { certificates: [] } }));
  expect(toVerify(bare).pass).toBe(false);
  expect(toVerify(bare).message()).toMatch(/does not verify[\s\S]*VCEK/);
});

test('trouble of the lab is thrown, never a failed expectation', () => {
  const silent = outcomeOf(evidence({ outcome: { state: 'silent', exitCode: null, report: null } }));
  for (const matcher of [() => toConform(silent), () => guestOf(silent), () => toBeRefusedWith(silent, 'EINVAL')]) {
    expect(errorCodeOf(matcher)).toBe('GUEST_SILENT');
  }
});

test('of a launch of one of own suites the report must agree where its guest ran; a refusal is for the suite to judge', () => {
  const own = { scenario: 'own/debug' } as const;
  expect(judge(prediction, { ...evidence(), ...own }).result).toBe('pass');
  expect(judge(prediction, { ...evidence({ sent: { hostData: '0e'.repeat(32) } }), ...own }).result).toBe('fail');
  const refused = judge(prediction, { ...refusedAtFinish(7, 'Policy failure'), ...own });
  expect(refused).toMatchObject({ result: 'pass', expected: 'what the suite says' });
  expect(refused.checks.map(({ name }) => name)).not.toContain('sent-as-meant');
});
