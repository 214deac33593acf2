import type { Evidence } from '../../lib/evidence/schema.ts';
import { judge } from '../../lib/judge/judge.ts';
import { summarise } from '../../lib/judge/summary.ts';
import { expect, test } from '../support/test.ts';
import { attestedEvidence } from './attested-evidence.ts';
import {
  base64,
  evidence,
  madeReport,
  PREDICTED,
  prediction,
  refusedAtFinish,
  UPDATES,
  update,
} from './made-evidence.ts';

const linesOf = (of: Evidence): string[] => summarise(judge(prediction, of)).split('\n');

test('of a refused launch the first line is the refusal, then predicted digest and that none was observed', () => {
  const lines = linesOf(refusedAtFinish(11, 'Bad measurement'));
  expect(lines.slice(0, 5)).toEqual([
    "launch refused by the firmware: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'",
    `predicted ${PREDICTED}`,
    'observed not reported by the firmware',
    'failed checks:',
    '  launch-accepted:',
  ]);
});

test('a refused launch whose pages differ says in which page', () => {
  const refused = refusedAtFinish(11, 'Bad measurement');
  const trace = refused.outcome.trace.map((line) => (line === UPDATES[5] ? update(0x80_f000, 0x1000, 'Zero') : line));
  const lines = linesOf({ ...refused, outcome: { ...refused.outcome, trace } });
  expect(lines[0]).toMatch(/^launch refused by the firmware: /);
  expect(lines).toContain('  page-list:');
  expect(lines).toContain('    expected #5 Normal 0x80f000+0x1000');
  expect(lines).toContain('    observed #5 Zero 0x80f000+0x1000');
});

test('of another digest in the report the first line names the check, and both digests follow', () => {
  const report = base64(madeReport({ measurement: new Uint8Array(48).fill(0x77) }));
  expect(linesOf(evidence({ outcome: { report } })).slice(0, 4)).toEqual([
    "report-measurement: MEASUREMENT of the guest's report is not the predicted launch digest",
    `predicted ${PREDICTED}`,
    `observed ${'77'.repeat(48)}`,
    'failed checks:',
  ]);
});

test('of a silent guest the first line says that the launch was accepted', () => {
  expect(linesOf(evidence({ outcome: { state: 'silent', report: null } }))).toEqual([
    'the launch was accepted; there is no report: the guest did not speak in time',
    `predicted ${PREDICTED}`,
    'observed not reported by the guest',
  ]);
});

test('of a lab that could not launch the first line says why', () => {
  const outcome = { state: 'refused', exitCode: 1, trace: [], report: null, stderr: 'no /dev/sev' } as const;
  expect(linesOf(evidence({ outcome: { ...outcome, trace: [] } }))[0]).toBe(
    'QEMU never asked for the launch and ended with exit code 1: no /dev/sev',
  );
});

test('of a service that could not be asked the first line says that, and not that the guest reported', async () => {
  const trouble = { code: 'KDS_UNREACHABLE', what: 'no answer after 5 attempts' } as const;
  const of = await attestedEvidence({ attestation: { certificates: [], trouble } });
  expect(summarise(judge(prediction, of)).split('\n')[0]).toBe(
    'the report could not be verified: KDS_UNREACHABLE: no answer after 5 attempts',
  );
});

test('a failed check shows the values that it has, and none that it has not', () => {
  const check = { name: 'a', status: 'fail', expected: null, observed: null, detail: 'wrong' } as const;
  const shown = (values: { expected?: string; observed?: string }): string[] =>
    summarise({ result: 'fail', checks: [{ ...check, ...values }] })
      .split('\n')
      .slice(3);
  expect(shown({})).toEqual([]);
  expect(shown({ expected: '1' })).toEqual(['    expected 1', '    observed nothing']);
  expect(shown({ expected: '1', observed: '2' })).toEqual(['    expected 1', '    observed 2']);
  expect(shown({ observed: '2' })).toEqual(['    observed 2']);
});

test('a pass is told with its counts', () => {
  expect(linesOf(evidence())[0]).toBe('pass: 17 checks passed, 0 not applicable');
});

test('a verdict without checks is told too', () => {
  expect(summarise({ result: 'infrastructure', checks: [] })).toBe('nothing was checked');
});
