import { readFileSync } from 'node:fs';
import { ctrfJson, ctrfTest } from '../../lib/reporters/ctrf.ts';
import { annotations, withoutCommands, writeStepSummary } from '../../lib/reporters/github.ts';
import { runMarkdown } from '../../lib/reporters/markdown.ts';
import { totalsOf } from '../../lib/reporters/row.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { cellFile, row } from './rows.ts';

const path = testFolder();
const ROWS = (['pass', 'fail', 'infrastructure', 'configuration', 'skip'] as const).map((kind) =>
  row(kind, { cell: kind === 'pass' ? cellFile() : undefined }),
);
const TIMES = { tool: 'snp-conform 1.2.3', startedAt: new Date(1000), endedAt: new Date(3000) };

test('CTRF counts what it lists, and lab trouble is neither passed nor failed', () => {
  const tests = ROWS.map((one) => ctrfTest(one, true));
  const { reportFormat, specVersion, results } = JSON.parse(ctrfJson(tests, totalsOf(ROWS), TIMES)) as {
    reportFormat: string;
    specVersion: string;
    results: Record<string, unknown>;
  };
  expect([reportFormat, specVersion]).toEqual(['CTRF', '0.1.0']);
  expect(results.tool).toEqual({ name: 'snp-conform', version: '1.2.3' });
  expect(results.summary).toEqual({
    tests: 5,
    passed: 1,
    failed: 1,
    pending: 0,
    skipped: 1,
    other: 2,
    start: 1000,
    stop: 3000,
  });
  expect((results.tests as { status: string }[]).map(({ status }) => status)).toEqual([
    'passed',
    'failed',
    'other',
    'other',
    'skipped',
  ]);
  expect(tests[0]?.extra).toMatchObject({ evidence: 'recorded emulated' });
  expect(tests[1]).toMatchObject({ message: 'fail for a reason', suite: ['launch', 'milan-1'], duration: 1500 });
});

test('Markdown names what did not pass, and nothing in it is markup of a guest', () => {
  const text = runMarkdown(
    [...ROWS, row('fail', { message: '| a | <b> [x](y) `c` @here\nsecond', name: 'x|y' })],
    ['emulated'],
  );
  expect(text).toMatch(/^## SNP launch conformance: 1 passed, 2 failed, 1 infrastructure/);
  expect(text).toContain('Evidence: **emulated**');
  expect(text).toContain('| fail | milan-1 | launch: x\\|y | \\| a \\| \\<b\\> \\[x\\](y) \\`c\\` &#64;here |');
  expect(text).not.toContain('second');
});

test('annotations are ten at most, failures first, each one line that says no more than it should', () => {
  const rows = [
    ...Array.from({ length: 12 }, () => row('infrastructure')),
    row('fail', { name: 'a:b,c', message: 'x%\n::error::y' }),
  ];
  const lines = annotations(rows);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('::error title=fail%3A a%3Ab%2Cc on milan-1::x%25%0A::error::y');
  expect(lines[1]).toMatch(/^::warning /);
  expect(lines.every((line) => !line.includes('\n'))).toBe(true);
});

test('commands of build servers in what guests print are broken up', () => {
  expect(withoutCommands('::error::x\n  ::set-env::y\na::b')).toBe(': :error::x\n  : :set-env::y\na::b');
  expect(withoutCommands('x ##[group]y ##vso[task]')).toBe('x ## [group]y ## vso[task]');
});

test('the summary of a step is added to, bounded, and only where there is a step', () => {
  const file = path('step.md');
  writeStepSummary('one\n', { GITHUB_STEP_SUMMARY: file });
  writeStepSummary(`${'line\n'.repeat(400_000)}`, { GITHUB_STEP_SUMMARY: file });
  writeStepSummary('three\n', {});
  const text = readFileSync(file, 'utf8');
  expect(text.startsWith('one\nline\n')).toBe(true);
  expect(text.endsWith('(cut off)\n')).toBe(true);
  expect(text.length).toBeLessThanOrEqual(1024 * 1024);
});
