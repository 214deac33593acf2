import { readFileSync, writeFileSync } from 'node:fs';
import type { FullConfig, Suite, TestCase, TestResult } from '@playwright/test/reporter';
import { exitCodeOf } from '../../lib/cli/run-folder.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import RunReporter from '../../lib/reporters/run-reporter.ts';
import { CELL_ATTACHMENT } from '../../lib/runner/annotations.ts';
import type { Plan } from '../../lib/runner/plan.ts';
import { type Summary, summarySchema } from '../../lib/runner/summary.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { cellFile } from './rows.ts';
import { elements, parseXml } from './xml.ts';

const path = testFolder();

interface Finished {
  title?: string;
  status: TestResult['status'];
  expectedStatus?: TestCase['expectedStatus'];
  messages?: readonly string[];
  annotations?: TestResult['annotations'];
  /** The file that the test left. */
  file?: string;
}

/** As much of a finished test as the reporter looks at. */
function finished({
  title = 'amdsev/stable/x',
  status,
  messages = [],
  annotations = [],
  file,
  expectedStatus = 'passed',
}: Finished): [TestCase, TestResult] {
  const parent = { project: () => ({ name: 'milan-1' }) };
  const testCase = { title, parent, expectedStatus, location: { file: '/x/suites/launch.spec.ts' } };
  const errors = messages.map((message) => ({ message }));
  const attachments = file === undefined ? [] : [{ name: CELL_ATTACHMENT, path: file }];
  const result = { status, errors, annotations, attachments, duration: 10 };
  return [testCase as unknown as TestCase, result as unknown as TestResult];
}

/** Runs the reporter over finished tests, with its output caught. */
async function report(
  tests: readonly Finished[],
  name = 'run',
  part: Pick<Plan, 'shard'> = {},
): Promise<{ summary: Summary; junit: string; output: string }> {
  const plan = {
    runDirectory: path(name),
    reportsDirectory: path(name, 'reports'),
    source: { kind: 'replay' as const, recordingFile: 'x' },
    ...part,
  };
  const written: string[] = [];
  const kept = { out: process.stdout.write, err: process.stderr.write };
  const keep = (text: string | Uint8Array): boolean => written.push(String(text)) > 0;
  process.stdout.write = keep;
  process.stderr.write = keep;
  try {
    const reporter = new RunReporter({ plan });
    reporter.onBegin({} as FullConfig, { allTests: () => tests } as unknown as Suite);
    for (const one of tests) reporter.onTestEnd(...finished(one));
    await reporter.onEnd({ status: 'passed', startTime: new Date(0), duration: 1 });
  } finally {
    process.stdout.write = kept.out;
    process.stderr.write = kept.err;
  }
  const summary = summarySchema.parse(JSON.parse(readFileSync(path(name, 'summary.json'), 'utf8')));
  return { summary, junit: readFileSync(path(name, 'reports', 'junit.xml'), 'utf8'), output: written.join('') };
}

/** What kind of result a finished test is. */
async function kindOf(one: Finished): Promise<ResultRow['result'] | undefined> {
  const { totals } = (await report([one])).summary;
  return (Object.keys(totals) as ResultRow['result'][]).find((kind) => totals[kind] === 1);
}

test('a test that was declared to fail passes by failing, and fails by passing', async () => {
  expect(await kindOf({ status: 'failed', expectedStatus: 'failed', messages: ['Error: CHECK_FAILED: no'] })).toBe(
    'pass',
  );
  expect(await kindOf({ status: 'passed', expectedStatus: 'failed' })).toBe('fail');
  expect(await kindOf({ status: 'timedOut', expectedStatus: 'failed' })).toBe('infrastructure');
});

test('a part of a run without a cell is told, kept, and no failure', async () => {
  const { summary, output } = await report([], 'empty-part', { shard: '3/3' });
  expect(output).toContain('no cell falls to part 3/3');
  expect(readFileSync(path('empty-part', 'results.jsonl'), 'utf8')).toBe('');
  expect(exitCodeOf(summary, { shard: '3/3' })).toBe(0);
  expect(exitCodeOf(summary)).toBe(2);
});

test('a failed test is of the kind that the code of its first error names', async () => {
  const failed = (...messages: string[]) => kindOf({ status: 'failed', messages });
  expect(await failed('Error: CHECK_FAILED: digests differ')).toBe('fail');
  expect(await failed('HarnessError: DIGEST_MISMATCH: digests differ')).toBe('fail');
  expect(await failed('\u001b[31mError: CHECK_FAILED: digests differ\u001b[0m')).toBe('fail');
  expect(await failed('Error: SSH_LOST: the connection was lost')).toBe('infrastructure');
  expect(await failed('Error: MATRIX_INVALID: no')).toBe('configuration');
  expect(await failed('Error: CHECK_FAILED: no', 'Error: SSH_LOST: afterwards')).toBe('fail');
  expect(await failed('TypeError: undefined is not a function'), 'a defect').toBe('infrastructure');
  expect(await failed('Error: NOT_A_CODE: x')).toBe('infrastructure');
  expect(await failed('Error: CHECK_FAILEDX: x')).toBe('infrastructure');
});

test('an expectation of a suite of the user’s own is about the thing under test', async () => {
  const message =
    'Error: \u001b[2mexpect(\u001b[22mreceived\u001b[2m).\u001b[22mtoBe(expected)\n\nExpected: 1\nReceived: 2';
  expect(await kindOf({ status: 'failed', messages: [message] })).toBe('fail');
  expect(await kindOf({ status: 'failed', messages: ['Error: the SVN\n\nexpect(received).toBe(expected)'] })).toBe(
    'fail',
  );
});

test('a test that took too long is lab trouble, one that the user stopped says nothing', async () => {
  expect(await kindOf({ status: 'timedOut', messages: ['Error: CHECK_FAILED: x'] })).toBe('infrastructure');
  expect(await kindOf({ status: 'interrupted', messages: ['Error: SSH_LOST: x'] })).toBe('skip');
});

test('a skip has its reason', async () => {
  expect(await kindOf({ status: 'skipped' })).toBe('skip');
  const { junit } = await report([{ status: 'skipped', annotations: [{ type: 'skip', description: 'no TIO here' }] }]);
  expect(junit).toContain('<skipped message="no TIO here">');
});

test('the cell that a test left is in JUnit, and a recording is called one', async () => {
  writeFileSync(path('cell.json'), JSON.stringify(cellFile()));
  const { junit, output } = await report([{ status: 'passed', file: path('cell.json') }]);
  expect(elements(parseXml(junit), 'system-out')[0]?.text).toContain('[[PROPERTY|digest.predicted=');
  expect(output).toContain('evidence: recorded emulated; kept in ');
  expect(output).toContain('no guest is launched');
  expect(output).toMatch(/\n1 passed, 0 failed\n$/);
});

test('a cell file that is gone or damaged loses no result', async () => {
  writeFileSync(path('damaged.json'), '{"format": 1}');
  for (const file of [path('gone.json'), path('damaged.json')]) {
    const { summary } = await report([{ status: 'passed', file }]);
    expect(summary.totals).toMatchObject({ pass: 0, infrastructure: 1 });
  }
});

test('a title and a message cannot write on the terminal', async () => {
  const { output, junit } = await report([
    { title: 'x\u001b[2J\u0007', status: 'failed', messages: ['Error: CHECK_FAILED: \u001b]0;a\u0007b'] },
  ]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes and bells are what is looked for
  const escapes = /\u001b(?!\[K)|\u0007/;
  expect(output).not.toMatch(escapes);
  expect(junit).not.toMatch(escapes);
});
