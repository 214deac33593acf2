import { readFileSync, writeFileSync } from 'node:fs';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import { lost, nightOf, refused } from '../compare/planted.ts';
import { SHIPPED_RECORDING } from '../runner/plans.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();
const STATEMENT = { recordedAt: new Date(0), tool: 'test', redactions: {} };

async function recording(name: string, rows: readonly RecordedRow[]): Promise<string> {
  await writeRecording(path(name), () => rows, STATEMENT);
  return path(name);
}

test('compare tells a regression with exit code 1, in words, as Markdown and as JSON', async () => {
  const rows = nightOf().map((row, place) => (place < 2 ? refused(row) : row));
  const worse = await recording('worse.gz', rows);
  const text = await runHere(['compare', SHIPPED_RECORDING, worse]);
  expect(text).toMatchObject({ exitCode: 1, stderr: '' });
  expect(text.stdout).toContain('REGRESSION: 2 new failures');
  expect(text.stdout).toContain('it may be flaky');
  const markdown = await runHere(['compare', SHIPPED_RECORDING, worse, '--markdown']);
  expect(markdown.stdout).toMatch(/^## REGRESSION: 2 new failures\n[\s\S]*### new failures \(2\)/);
  const json = JSON.parse((await runHere(['compare', SHIPPED_RECORDING, worse, '--json'])).stdout) as {
    newFailures: unknown[];
  };
  expect(json).toMatchObject({ format: 'snp-conform/comparison@1', regression: true, common: 60 });
  expect(json.newFailures).toHaveLength(2);
});

test('compare of a run with itself is exit code 0, of a night in which the lab failed 3, of strangers 2', async () => {
  expect((await runHere(['compare', SHIPPED_RECORDING, SHIPPED_RECORDING])).exitCode).toBe(0);
  const out = await recording(
    'out.gz',
    nightOf().map((row) => (row.host === 'emulated-amd' ? lost(row) : row)),
  );
  const night = await runHere(['compare', SHIPPED_RECORDING, out]);
  expect(night.exitCode).toBe(3);
  expect(night.stdout).toContain('30 cells: infrastructure on emulated-amd: SSH_LOST: the connection was lost');
  const other = await recording(
    'other.gz',
    nightOf()
      .slice(0, 1)
      .map((row) => ({ ...row, host: 'elsewhere' })),
  );
  expect((await runHere(['compare', SHIPPED_RECORDING, other])).stderr).toContain('--host-named');
});

test('history lays the runs of a folder beside each other', async () => {
  await recording('n1.jsonl.gz', nightOf());
  const at = (day: number) => (evidence: NonNullable<RecordedRow['evidence']>) => ({
    ...evidence,
    startedAt: `2027-01-0${day}T00:00:00Z`,
  });
  await recording(
    'n2.jsonl.gz',
    nightOf(at(1)).map((row, place) => (place === 4 ? refused(row) : row)),
  );
  await recording('n3.jsonl.gz', nightOf(at(2)));
  const { stdout, exitCode } = await runHere(['history', path()]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/flaky \(1\)[^\n]*\n {2}\[\.F\.\] {2}launch emulated-amd /);
});

test('recording verify names damage with exit code 2, and prune with --keep-going saves the rest', async () => {
  const whole = await recording('whole.gz', nightOf());
  const bytes = readFileSync(whole);
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  writeFileSync(path('damaged.gz'), bytes);
  expect(await runHere(['recording', 'verify', whole])).toMatchObject({ exitCode: 0, stdout: '60 cells whole\n' });
  const verified = await runHere(['recording', 'verify', path('damaged.gz')]);
  expect(verified.exitCode).toBe(2);
  expect(verified.stderr).toMatch(/RECORDING_INVALID: it is not what was written:\n {2}bytes \d+ to \d+/);
  const saved = await runHere(['recording', 'prune', path('damaged.gz'), path('saved.gz'), '--keep-going']);
  expect(saved.exitCode, saved.stderr).toBe(0);
  const left = openRecording(path('saved.gz')).entries.length;
  expect(left).toBeGreaterThan(40);
  expect(left).toBeLessThanOrEqual(60);
  expect((await runHere(['recording', 'show', path('saved.gz')])).stdout).toContain('recorded emulated');
});

test('recording prune keeps what is asked for, and redact what judges as before', async () => {
  const rows = nightOf().map((row, place) => (place < 3 ? refused(row) : row));
  const night = await recording('night.gz', rows);
  const pruned = await runHere([
    'recording',
    'prune',
    night,
    path('failed.gz'),
    '--result',
    'fail',
    '--logs',
    'failed',
  ]);
  expect(pruned.stdout).toContain('kept 3 of 60 cells');
  const redacted = await runHere(['recording', 'redact', night, path('redacted.gz'), '--hosts', 'rename']);
  expect(redacted.exitCode, redacted.stderr).toBe(0);
  expect(new Set(openRecording(path('redacted.gz')).entries.map(({ host }) => host))).toEqual(
    new Set(['host-1', 'host-2']),
  );
  expect((await runHere(['recording', 'prune', night, night])).exitCode).toBe(2);
});

test('bisect refuses builds out of order, and names that are none', async () => {
  const matrix = {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { a: { path: 'a.fd' } } },
    axes: { firmware: ['a'], vcpus: [1], vcpuType: ['EPYC-v4'] },
  };
  writeFileSync(path('matrix.json'), JSON.stringify(matrix));
  const bisect = (...args: string[]) =>
    runHere(['bisect', '--axis', 'firmware', '--matrix', path('matrix.json'), ...args]);
  expect((await bisect('--builds', 'a,b=x', '--good', 'b', '--bad', 'a')).stderr).toContain('does not stand before');
  expect((await bisect('--builds', 'a,b=x', '--good', 'a', '--bad', 'c')).stderr).toContain('"c" is not in --builds');
  expect((await bisect('--builds', 'a,b', '--good', 'a', '--bad', 'b')).stderr).toContain('no firmware is named "b"');
});
