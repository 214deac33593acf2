import { type Evidence, evidenceSchema, type TraceEvent } from '../../lib/evidence/schema.ts';
import type { Check } from '../../lib/finding.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { judge } from '../../lib/judge/judge.ts';
import { summarise } from '../../lib/judge/summary.ts';
import { findScenario, SCENARIOS } from '../../lib/scenarios/scenarios.ts';
import { madeHost } from '../scenarios/hosts.ts';
import { expect, test } from '../support/test.ts';
import {
  BEGINNING, base64, evidence, FINISH, keys, madeReport, PREDICTED, prediction, RUNNING, refusal, UPDATES,
} from './made-evidence.ts'; // biome-ignore format: a list

const STRANGER = generateKeys();
const { provenance } = madeHost('upstream-6.18', { sockets: 2 });
const ZERO = new Uint8Array(48);

/** Evidence of a scenario, sent as it says, that came to what `outcome` says. */
function made(name: string, outcome: Partial<Evidence['outcome']>, policy = 0x30000n): Evidence {
  const scenario = findScenario(name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  const inputs = { launchDigest: prediction.launchDigest, guestPolicy: policy, owner: keys, stranger: STRANGER };
  const { idBlock, idAuth, authorKeyEnabled } = scenario.identity(inputs);
  const sent = {
    guestPolicy: `0x${policy.toString(16)}`,
    idBlock: idBlock && base64(idBlock),
    idAuth: idAuth && base64(idAuth),
    authorKeyEnabled,
  };
  return evidenceSchema.parse({ ...evidence({ sent, outcome }), host: provenance, scenario: name });
}

const TRACE = { finish: [...BEGINNING, ...UPDATES, FINISH], start: [BEGINNING[0], BEGINNING[1]] as TraceEvent[] };
const refused = (...numbers: Parameters<typeof refusal>): Partial<Evidence['outcome']> => ({
  ...{ state: 'refused', exitCode: 1, report: null, refusal: refusal(...numbers) },
  trace: numbers[0] === 'SNP_LAUNCH_FINISH' ? TRACE.finish : TRACE.start,
});
const BAD_MEASUREMENT = refused('SNP_LAUNCH_FINISH', -5, 11, 'Bad measurement');
const BAD_SIGNATURE = refused('SNP_LAUNCH_FINISH', -5, 10, 'Bad signature');
const POLICY_FAILURE = refused('SNP_LAUNCH_FINISH', -5, 7, 'Policy is not allowed');
/** A guest whose report has no family, image and SVN, as the ID blocks of scenarios have none. */
const RAN: Partial<Evidence['outcome']> = {
  report: base64(madeReport({ familyId: new Uint8Array(16), imageId: new Uint8Array(16), guestSvn: 0 })),
};

const result = (of: Evidence) => judge(prediction, of).result;
const check = (of: Evidence, name: string): Check | undefined =>
  judge(prediction, of).checks.find((one) => one.name === name);

test('every scenario of identities passes with the refusal that it names, and with no other', () => {
  for (const { name, expectation } of SCENARIOS.identity) {
    if (expectation.outcome !== 'refused') continue;
    const { command, ret, fwError } = expectation.refusal;
    const right = made(name, refused(command, ret, fwError, 'as QEMU says it'));
    expect([name, result(right)]).toEqual([name, 'pass']);
    expect(check(right, 'launch-refused')?.observed).toContain('as QEMU says it');
    for (const wrong of [
      refused(command, ret, fwError === 9 ? 8 : 9, 'Invalid address'),
      refused(command, -12345, fwError, ''),
      refused('SNP_LAUNCH_START', ret, fwError, ''),
      RAN,
    ]) {
      expect([name, result(made(name, wrong))]).toEqual([name, 'fail']);
    }
  }
});

test('a refusal for another reason is a failure that shows the line of QEMU and what was expected', () => {
  const verdict = judge(prediction, made('identity/wrong-policy', BAD_SIGNATURE));
  expect(verdict).toMatchObject({
    result: 'fail',
    expected: "refused by the firmware: SNP_LAUNCH_FINISH ret=-5 fw_error=7 'Policy is not allowed'",
  });
  const text = summarise(verdict);
  expect(text.split('\n')[0]).toContain("fw_error=7 'Policy is not allowed'");
  expect(text).toContain("observed qemu-system-x86_64: SNP_LAUNCH_FINISH ret=-5 fw_error=10 'Bad signature'");
});

test('a launch that is accepted though it had to be refused is a failure, and says that a guest ran', () => {
  const verdict = judge(prediction, made('identity/wrong-digest', RAN));
  const broken = verdict.checks.filter(({ status }) => status === 'fail');
  expect(broken.map(({ name }) => name)).toEqual(['launch-refused', 'no-guest-ran']);
  expect(summarise(verdict)).toContain('but the launch was accepted');
});

test('any sign of a guest fails a refusal', () => {
  const signs: Partial<Evidence['outcome']>[] = [
    { console: 'hello' },
    { report: base64(madeReport()) },
    { trace: [...TRACE.finish, RUNNING] },
    { state: 'ran' },
  ];
  for (const sign of signs) {
    const of = made('identity/wrong-digest', { ...BAD_MEASUREMENT, ...sign });
    expect([result(of), check(of, 'no-guest-ran')?.status]).toEqual(['fail', 'fail']);
  }
});

// A predictor that is wrong makes every ID block wrong: then the refusal is not the one that was asked for.
test('what was sent may be wrong in what the scenario says, and in nothing else', () => {
  const elsewhere = { ...prediction, launchDigest: ZERO };
  const wrong = judge(elsewhere, made('identity/broken-block-signature', BAD_SIGNATURE));
  expect(wrong.result).toBe('fail');
  expect(wrong.checks.find(({ name }) => name === 'sent-as-meant')).toMatchObject({
    status: 'fail',
    expected: 'id-block-signature',
    observed: 'id-block-signature, launch-digest',
  });
  const unbroken = made('identity/right', BAD_SIGNATURE).sent;
  const harmless = { ...made('identity/broken-block-signature', BAD_SIGNATURE), sent: unbroken };
  expect(check(harmless, 'sent-as-meant')).toMatchObject({ status: 'fail', observed: 'nothing' });
});

test('a machine that could not launch says nothing: neither pass nor fail', () => {
  const silences: Partial<Evidence['outcome']>[] = [
    refused('SNP_LAUNCH_FINISH', -5, 23, 'Required firmware resource depleted'),
    { state: 'refused', exitCode: 1, report: null, trace: [], stderr: 'Could not access KVM kernel module' },
    { state: 'silent', exitCode: null, report: null, trace: TRACE.finish },
  ];
  for (const name of ['identity/wrong-digest', 'identity/right']) {
    expect(silences.map((outcome) => result(made(name, outcome)))).toEqual([
      ...['infrastructure', 'infrastructure', 'infrastructure'],
    ]);
  }
});

test('a QEMU that gave the launch up by itself is a failure', () => {
  const gaveUp = {
    state: 'refused',
    exitCode: 1,
    report: null,
    trace: TRACE.start,
    stderr: 'no reset vector',
  } as const;
  expect(result(made('identity/wrong-digest', gaveUp))).toBe('fail');
});

test('what must come of a policy follows from the host: SMT is on there, and it has two sockets', () => {
  const atStart = refused('SNP_LAUNCH_START', -5, 7, 'Policy is not allowed');
  const byKvm = refused('SNP_LAUNCH_START', -22, 0, '');
  const of = (name: string, outcome: Partial<Evidence['outcome']>, policy: bigint) =>
    result({ ...made(name, outcome, policy), outcome: { ...made(name, outcome, policy).outcome, trace: [] } });
  expect(of('policy/no-smt', atStart, 0x20000n)).toBe('pass');
  expect(of('policy/no-smt', byKvm, 0x20000n)).toBe('fail');
  expect(of('policy/single-socket', atStart, 0x130000n)).toBe('pass');
  expect(of('policy/rapl-dis', byKvm, 0x830000n)).toBe('pass');
  expect(of('policy/rapl-dis', atStart, 0x830000n)).toBe('fail');
  expect(of('policy/no-smt', atStart, 0x30000n), 'another policy than the scenario has').toBe('fail');
});

test('the report of an accepted policy must carry it, so that it tells whether debugging is allowed', () => {
  const trace = [...BEGINNING, ...UPDATES, FINISH, RUNNING].map((line) =>
    line.event === 'launch_start' ? { ...line, policy: '0xb0000' } : line,
  );
  const identity = { familyId: new Uint8Array(16), imageId: new Uint8Array(16), guestSvn: 0 };
  const report = (policy: bigint) => base64(madeReport({ ...identity, policy }));
  const of = (policy: bigint) => made('policy/debug', { trace, report: report(policy) }, 0xb0000n);
  expect(result(of(0xb0000n))).toBe('pass');
  expect(check(of(0x30000n), 'report-policy')).toMatchObject({
    status: 'fail',
    expected: '0xb0000',
    observed: '0x30000',
  });
});

test('a scenario that this version does not know is never a pass', () => {
  const verdict = judge(prediction, {
    ...made('identity/wrong-digest', BAD_MEASUREMENT),
    scenario: 'identity/of-tomorrow',
  });
  expect(verdict.result).toBe('infrastructure');
  expect(verdict.expected).toContain('identity/of-tomorrow');
});

test('a plain launch is judged as ever: no check of scenarios is asked of it', () => {
  const { checks, expected } = judge(prediction, evidence({ outcome: POLICY_FAILURE }));
  expect(checks.map(({ name }) => name)).not.toContain('sent-as-meant');
  expect(checks.map(({ name }) => name)).not.toContain('launch-refused');
  expect(expected).toBeUndefined();
  expect(PREDICTED).toHaveLength(96);
});
