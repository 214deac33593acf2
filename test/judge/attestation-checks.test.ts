import { type Evidence, evidenceSchema } from '../../lib/evidence/schema.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { issueVcek } from '../../lib/firmware/leaf-certificates.ts';
import { wrongCertificates } from '../../lib/firmware/wrong-certificates.ts';
import { judge } from '../../lib/judge/judge.ts';
import { needOf, REFUSED_FOR, type RefusedFor } from '../../lib/scenarios/refused-for.ts';
import { authorityOf, NOW } from '../firmware/emulated-chips.ts';
import { expect, test } from '../support/test.ts';
import { attestedEvidence, reportOf, SECOND_NONCE } from './attested-evidence.ts';
import { base64, NONCE, prediction } from './made-evidence.ts';

function failed(of: Evidence): string[] {
  return judge(prediction, of)
    .checks.filter(({ status }) => status === 'fail')
    .map(({ name }) => name);
}

const check = (of: Evidence, name: string) => judge(prediction, of).checks.find((one) => one.name === name);
const result = (of: Evidence) => judge(prediction, of).result;
const flipped = (text: string | null | undefined, at: number): string => {
  const bytes = Buffer.from(text ?? '', 'base64');
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  return base64(bytes);
};

for (const workflow of ['standard', 'extended'] as const) {
  test(`in the ${workflow} workflow, a report that is genuine and wanted passes`, async () => {
    const of = await attestedEvidence({ workflow });
    expect(evidenceSchema.safeParse(of).error, 'evidence that can be written down').toBeUndefined();
    expect(failed(of)).toEqual([]);
    expect(result(of)).toBe('pass');
    expect(check(of, 'attestation-second-report')?.status).toBe('pass');
    expect(check(of, 'attestation-genuine')?.expected).toMatch(
      /^EMULATED root of trust, no hardware: ARK-emulated-Genoa/,
    );
  });
}

test('a launch that nobody asked to be attested is judged without', async () => {
  const { attestation: _, scenario: __, ...plain } = await attestedEvidence();
  const { checks, result: judged } = judge(prediction, plain);
  expect(judged).toBe('pass');
  expect(checks.some(({ name }) => name.startsWith('attestation-'))).toBe(false);
});

test('an emulated root is trusted for emulated evidence alone, and AMD’s root for no emulated report', async () => {
  const of = await attestedEvidence();
  expect(failed({ ...of, kind: 'hardware' })).toEqual(['attestation-genuine', 'attestation-root']);
  const unnamed = await attestedEvidence({ attestation: { emulatedRoot: null } });
  expect(failed(unnamed)).toEqual(['attestation-genuine', 'attestation-root']);
});

test('one flipped bit of the report, or of its signature, is seen', async () => {
  const { outcome } = await attestedEvidence();
  for (const at of [0x08, 0x150, 0x188, 0x2a0]) {
    const of = await attestedEvidence({ outcome: { report: flipped(outcome.report, at) } });
    expect(failed(of), `byte 0x${at.toString(16)}`).toEqual(
      expect.arrayContaining(['attestation-genuine', 'attestation-signature']),
    );
  }
});

test('a report over an earlier nonce is genuine and not wanted', async () => {
  const of = await attestedEvidence({ outcome: { report: reportOf(emulatedChip('lab-1'), 'ee'.repeat(64)) } });
  expect(check(of, 'attestation-genuine')?.status).toBe('pass');
  expect(failed(of)).toEqual(expect.arrayContaining(['report-data', 'attestation-wanted']));
});

test('a report of another guest in the second answer is seen', async () => {
  const stranger = reportOf(emulatedChip('lab-1'), SECOND_NONCE);
  const of = await attestedEvidence({ outcome: { secondReport: stranger } });
  expect(failed(of)).toEqual(['second-report']);
  expect(check(of, 'second-report')?.detail).toMatch(/^two reports contradict each other:\nreportId: /);
});

test('a second report that another chip signed, that is not over its nonce, or that is not there is seen', async () => {
  const { outcome } = await attestedEvidence();
  const { report, secondReport } = outcome;
  const signedOtherwise = await attestedEvidence({ outcome: { report, secondReport: flipped(secondReport, 0x2a0) } });
  expect(failed(signedOtherwise)).toEqual(['attestation-second-report']);
  const repeated = await attestedEvidence({ outcome: { report, secondReport: report } });
  expect(failed(repeated)).toEqual(['second-report', 'attestation-second-report']);
  expect(failed(await attestedEvidence({ outcome: { secondReport: null } }))).toEqual(['second-report']);
});

test('a host whose certificates are stale, of another chip, run out, damaged or missing is told so', async () => {
  const extended = { workflow: 'extended' } as const;
  const of = async (change: Parameters<typeof attestedEvidence>[0]) =>
    failed(await attestedEvidence({ ...extended, ...change }));
  expect(await of({ cache: 'stale' })).toEqual(
    expect.arrayContaining(['attestation-signature', 'attestation-certificate-tcb']),
  );
  expect(await of({ cache: 'other-chip' })).toEqual(
    expect.arrayContaining(['attestation-signature', 'attestation-chip-id']),
  );
  expect(await of({ cache: 'expired' })).toEqual(['attestation-genuine', 'attestation-certificate-validity']);
  expect(await of({ outcome: { certificates: '' } })).toEqual(['attestation-certificates', 'attestation-genuine']);
  expect(await of({ outcome: { certificates: null } })).toEqual(['attestation-certificates', 'attestation-genuine']);
  const damaged = await attestedEvidence({
    ...extended,
    outcome: { certificates: base64(new Uint8Array(100).fill(7)) },
  });
  expect(check(damaged, 'attestation-certificates')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('the certificates cannot be read'),
  });
  expect(result(damaged)).toBe('fail');
});

test('a VLEK of another provider is not the one that was named', async () => {
  const made = { workflow: 'extended', options: { vlek: { cspId: 'CN=one' } } } as const;
  expect(result(await attestedEvidence({ ...made, attestation: { cspId: 'CN=one' } }))).toBe('pass');
  const other = await attestedEvidence({ ...made, attestation: { cspId: 'CN=two' } });
  expect(failed(other)).toEqual(['attestation-wanted']);
  expect(failed(await attestedEvidence({ attestation: { cspId: 'CN=one' } })), 'a VCEK').toEqual([
    'attestation-wanted',
  ]);
});

test('that the service could not be asked is the lab’s trouble; that it knows no such chip is not', async () => {
  const authority = await authorityOf('Genoa');
  const issuers = [authority.ask.certificate, authority.ark.certificate].map(base64);
  const trouble = (code: 'KDS_UNREACHABLE' | 'KDS_NOT_FOUND') => ({ code, what: `${code} of a service` });
  const of = (code: Parameters<typeof trouble>[0], certificates: string[]) =>
    attestedEvidence({ attestation: { certificates, trouble: trouble(code) } });
  expect(result(await of('KDS_UNREACHABLE', []))).toBe('infrastructure');
  expect(result(await of('KDS_UNREACHABLE', issuers))).toBe('infrastructure');
  const unknown = await of('KDS_NOT_FOUND', issuers);
  expect(failed(unknown)).toEqual(['attestation-certificates']);
  const kept = await attestedEvidence();
  const all = kept.attestation?.certificates ?? [];
  expect(result(await of('KDS_UNREACHABLE', all)), 'what was kept suffices').toBe('pass');
});

test('without trouble, a report whose certificates are not there has failed', async () => {
  const of = await attestedEvidence({ attestation: { certificates: [] } });
  expect(failed(of)).toEqual(['attestation-genuine']);
  expect(check(of, 'attestation-genuine')?.detail).toContain('the VCEK of the chip');
});

test('a guest without a report has nothing that could be genuine', async () => {
  const of = await attestedEvidence({ outcome: { report: null } });
  expect(result(of)).toBe('fail');
  expect(check(of, 'attestation-genuine')).toMatchObject({ status: 'not-applicable' });
});

test.describe('two launches of one cell', () => {
  const again = async (report: string, change: Partial<Evidence['outcome']> = {}) => ({
    ...(await attestedEvidence({ attestation: { earlierReport: report }, outcome: change })),
    scenario: 'attestation/second-launch',
  });

  test('agree where their reports differ in what is of one launch alone', async () => {
    const of = await again(reportOf(emulatedChip('lab-1'), NONCE));
    expect(check(of, 'launches-agree')?.status).toBe('pass');
    expect(result(of)).toBe('pass');
  });

  test('disagree where anything else differs', async () => {
    const of = await again(reportOf(emulatedChip('lab-1', { reportedTcb: { snp: 1 } }), NONCE));
    expect(failed(of)).toEqual(['launches-agree']);
    expect(check(of, 'launches-agree')?.detail).toContain('reportedTcb: ');
  });

  test('are not two where it is one report twice', async () => {
    const { outcome } = await attestedEvidence();
    const of = await again(outcome.report ?? '', { report: outcome.report, secondReport: outcome.secondReport });
    expect(check(of, 'launches-agree')?.detail).toMatch(/reportId: [0-9a-f]{64} twice/);
  });

  test('cannot be told without the first report', async () => {
    const of = { ...(await attestedEvidence()), scenario: 'attestation/second-launch' };
    expect(check(of, 'launches-agree')?.status).toBe('not-applicable');
    expect(result(of)).toBe('infrastructure');
  });
});

test.describe('a report that is genuine', () => {
  const chip = emulatedChip('lab-1');
  const VLEK = { vlek: { cspId: 'CN=one' } };

  /** Evidence of the scenario that wants a refusal, with what is wrong for it. */
  async function mustBeRefused(refused: RefusedFor, change: { wrong?: string } = {}): Promise<Evidence> {
    const { key, wrong } = needOf(refused);
    const made = wrong && base64(wrongCertificates(wrong, await authorityOf('Genoa'), chip, NOW));
    const isVlek = key === 'VLEK';
    const attestation = { ...(isVlek && { cspId: 'CN=one' }), ...(made !== undefined && { wrong: made }), ...change };
    const of = await attestedEvidence({ ...(isVlek && { options: VLEK, workflow: 'extended' }), attestation });
    return { ...of, scenario: `attestation/${refused}` };
  }

  for (const refused of REFUSED_FOR) {
    test(`is refused for ${refused}`, async () => {
      const of = await mustBeRefused(refused);
      expect(evidenceSchema.safeParse(of).error, 'evidence that can be written down').toBeUndefined();
      expect(check(of, 'attestation-refused'), refused).toMatchObject({ status: 'pass' });
      expect(result(of)).toBe('pass');
    });
  }

  test('and is not refused where it had to be fails, and where nothing wrong was made it is no pass', async () => {
    const authority = await authorityOf('Genoa');
    const right = base64(issueVcek(authority, chip, { tcb: chip.platform.reportedTcb, now: NOW }));
    for (const refused of ['certificate-of-another-chip', 'stale-host-cache'] as const) {
      const of = await mustBeRefused(refused, { wrong: right });
      expect(failed(of)).toEqual(['attestation-refused']);
    }
    const { attestation, ...of } = await mustBeRefused('revoked-certificate');
    const { wrong: _, ...without } = attestation ?? {};
    expect(result({ ...of, attestation: without as typeof attestation })).toBe('infrastructure');
  });

  test('but one that is not genuine in the first place has failed, whatever refuses it', async () => {
    const of = await mustBeRefused('tampered-report');
    expect(result({ ...of, outcome: { ...of.outcome, report: flipped(of.outcome.report, 0x90) } })).toBe('fail');
  });
});
