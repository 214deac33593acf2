import type { Evidence } from '../../lib/evidence/schema.ts';
import type { Check } from '../../lib/finding.ts';
import { judge } from '../../lib/judge/judge.ts';
import { expect, test } from '../support/test.ts';
import { BEGINNING, evidence, FINISH, prediction, refusal, refusedAtFinish, UPDATES } from './made-evidence.ts';

function launchAccepted(of: Evidence): Check | undefined {
  return judge(prediction, of).checks.find(({ name }) => name === 'launch-accepted');
}

test('a launch is accepted when the trace reaches running and nothing was refused', () => {
  expect(launchAccepted(evidence())).toMatchObject({ status: 'pass', observed: 'launch-update -> running' });
});

test('on BAD_MEASUREMENT the detail says that the firmware does not report what it measured', () => {
  const check = launchAccepted(refusedAtFinish(11, 'Bad measurement'));
  expect(check?.status).toBe('fail');
  expect(check?.detail.split('\n')).toEqual([
    "launch refused by the firmware: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'",
    'what the firmware measured is not the launch digest of the ID block; it does not report what it measured',
    expect.stringMatching(/^likely cause: .*guest features \(0x1 or 0x21\)/),
    expect.stringMatching(/^what to do: .*explain.*--from-argv.* \[finish-bad-measurement\]$/),
  ]);
});

// Source: AMD 56860, SNP_LAUNCH_FINISH, whose order of checks gives the later ones their meaning.
const MEANINGS: readonly (readonly [number, string, string])[] = [
  [
    7,
    'Policy is not allowed',
    'the policy of the ID block is not the one launched with; the launch digest was accepted',
  ],
  [10, 'Bad signature', 'a signature or key of the ID auth is wrong; launch digest and policy were accepted'],
  [22, 'Invalid parameter', 'early Milan firmware says so of an ID block without author key'],
  [26, 'unknown error', 'the status is INVALID_PAGE_STATE'],
  [7, 'Policy is not allowed', 'the policy launched with is 0x30000'],
  [99, 'unknown error', 'the status is status 0x63, of which nothing is known'],
];

for (const [fwError, text, meaning] of MEANINGS) {
  test(`a refusal at FINISH with status ${fwError} is a failure that says: ${meaning}`, () => {
    const check = launchAccepted(refusedAtFinish(fwError, text));
    expect(check?.status).toBe('fail');
    expect(check?.detail).toContain(meaning);
  });
}

test('a policy refused at START is not blamed on the ID block', () => {
  const outcome = { state: 'refused', refusal: refusal('SNP_LAUNCH_START', -5, 7, 'Policy is not allowed') } as const;
  const detail = launchAccepted(evidence({ outcome }))?.detail;
  expect(detail).toContain('does not launch the guest policy on this platform');
  expect(detail).toContain('the policy launched with is 0x30000');
});

test('INVALID_PARAM at UPDATE points to the CPUID page', () => {
  const outcome = { state: 'refused', refusal: refusal('SNP_LAUNCH_UPDATE', -5, 22, 'Invalid parameter') } as const;
  expect(launchAccepted(evidence({ outcome }))?.detail).toContain('CPUID page');
});

for (const fwError of [0, -1]) {
  test(`a refusal with status ${fwError} is KVM's, and fails`, () => {
    const outcome = { state: 'refused', refusal: refusal('SNP_LAUNCH_START', -22, fwError, '') } as const;
    const check = launchAccepted(evidence({ outcome }));
    expect(check?.status).toBe('fail');
    expect(check?.detail).toMatch(/^launch refused by KVM, which did not ask the firmware: SNP_LAUNCH_START ret=-22 /);
  });
}

test('of a policy that the kernel of the host refuses the bit is named', () => {
  const outcome = { state: 'refused', refusal: refusal('SNP_LAUNCH_START', -22, 0, '') } as const;
  const made = evidence({ outcome });
  const host = { ...made.host, profile: 'upstream-6.12' };
  const check = launchAccepted({ ...made, host, cell: { ...made.cell, guestPolicy: '0x20000' } });
  expect(check?.detail).toMatch(
    /^the policy launched with is 0x20000\nbit 16, SMT: Linux 6\.11 to 6\.16 .*wants the bit set$/m,
  );
});

for (const fwError of [1, 12, 15, 19, 23, 32]) {
  test(`status ${fwError} tells of the machine: infrastructure, not failure`, () => {
    const outcome = {
      state: 'refused',
      refusal: refusal('SNP_LAUNCH_START', -5, fwError, ''),
      trace: [...BEGINNING].slice(0, 2),
      report: null,
    } as const;
    const verdict = judge(prediction, evidence({ outcome: { ...outcome, trace: [...outcome.trace] } }));
    expect(verdict.result).toBe('infrastructure');
    expect(verdict.checks[0]).toMatchObject({ name: 'launch-accepted', status: 'not-applicable' });
    expect(verdict.checks[0]?.detail).toMatch(/^the machine cannot launch: SNP_LAUNCH_START /);
  });
}

test('a guest that ran in spite of a refusal has failed, whatever the status', () => {
  for (const fwError of [11, 23]) {
    const of = evidence({ outcome: { refusal: refusal('SNP_LAUNCH_FINISH', -5, fwError, '') } });
    expect(launchAccepted(of)?.status, `status ${fwError}`).toBe('fail');
  }
});

test('a guest that ran without an accepted launch in the trace has failed', () => {
  const trace = [...BEGINNING, ...UPDATES, FINISH];
  expect(launchAccepted(evidence({ outcome: { trace } }))?.status).toBe('fail');
  expect(launchAccepted(evidence({ outcome: { trace: [] } }))).toMatchObject({
    status: 'fail',
    detail: "the guest spoke, but QEMU's trace shows no accepted launch",
  });
  for (const [from, to] of [
    ['running', 'launch-update'],
    ['launch-update', 'uninit'],
    ['uninit', 'running'],
  ] as const) {
    const change = { event: 'change_state', from, to } as const;
    expect(launchAccepted(evidence({ outcome: { trace: [...trace, change] } }))?.status, `${from} -> ${to}`).toBe(
      'fail',
    );
  }
});

test('QEMU giving a launch up without a refusal fails, with its last words', () => {
  const stderr = 'warning: old\nqemu: Failed to locate SEV metadata header\n\n';
  const trace = [...BEGINNING];
  const check = launchAccepted(evidence({ outcome: { state: 'refused', exitCode: 1, trace, stderr, report: null } }));
  expect(check?.status).toBe('fail');
  expect(check?.detail.split('\n')).toEqual([
    'QEMU gave the launch up and ended with exit code 1: qemu: Failed to locate SEV metadata header',
    'the firmware image has no SEV metadata: no SNP guest can be launched with it',
    expect.stringMatching(/^what to do: .*\[qemu-metadata-missing\]$/),
  ]);
});

test('QEMU ending before it asks for a launch is infrastructure', () => {
  for (const trace of [[], BEGINNING.slice(0, 1)]) {
    const verdict = judge(prediction, evidence({ outcome: { state: 'refused', exitCode: null, trace, report: null } }));
    expect(verdict.result).toBe('infrastructure');
    expect(verdict.checks[0]?.detail).toBe('QEMU never asked for the launch and ended by a signal');
  }
});

test('QEMU ending after an accepted launch and before a word of the guest is infrastructure', () => {
  const verdict = judge(
    prediction,
    evidence({ outcome: { state: 'refused', exitCode: 1, report: null, stderr: 'bye' } }),
  );
  expect(verdict.result).toBe('infrastructure');
  expect(verdict.checks[0]).toMatchObject({
    status: 'pass',
    detail: 'accepted; then QEMU ended with exit code 1: bye',
  });
});

test('a launch still under way when time ran out is infrastructure', () => {
  const verdict = judge(prediction, evidence({ outcome: { state: 'silent', trace: [...BEGINNING], report: null } }));
  expect(verdict.result).toBe('infrastructure');
  expect(verdict.checks[0]?.detail).toBe('QEMU neither ended nor let the guest run in time');
});

test("a host's text is quoted on one line, bounded, without control or direction characters", () => {
  const hostile = `\u001b[31mred\r\n\u202eforged\u0000 ${'x'.repeat(10_000)}`;
  const check = launchAccepted(
    evidence({ outcome: { refusal: { ...refusal('SNP_LAUNCH_FINISH', -5, 11, hostile), line: hostile } } }),
  );
  expect(check?.detail.length).toBeLessThan(1500);
  expect(check?.detail.split('\n')).toHaveLength(4);
  expect(`${check?.detail}${check?.observed}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});
