import { readFileSync, writeFileSync } from 'node:fs';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import { SHIPPED_RECORDING } from '../runner/plans.ts';
import { runCli } from '../support/cli.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

/** Two recorded cells, of which the second was predicted otherwise. */
async function twoCells(): Promise<[RecordedRow, RecordedRow]> {
  const [first, second] = openRecording(SHIPPED_RECORDING).rows();
  if (first === undefined || second === undefined) throw new Error('the recording that ships has two rows');
  const verdict = { result: 'pass' as const, checks: [] };
  const rows: [RecordedRow, RecordedRow] = [
    { ...first, result: 'pass' },
    { ...second, result: 'pass', judged: { predicted: 'ab'.repeat(48), verdict } },
  ];
  await writeRecording(path('two.gz'), () => rows, { recordedAt: new Date(0), tool: 'test', redactions: {} });
  return rows;
}

test('replay names the cells that are predicted otherwise than when they were recorded', async () => {
  const [first, second] = await twoCells();
  const run = await runCli(['run', '--replay', path('two.gz'), '--out', path('whole')]);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.stdout).toContain('1 of 2 cells differ from when they were recorded:');
  expect(run.stdout).toContain(`${second.host} ${second.id}: predicted was abab`);
  expect(run.stdout).not.toContain(`${first.id}: predicted`);
});

test('a damaged recording is refused with exit code 2; with --keep-going what is whole is played, and it is still 2', async () => {
  const [first, second] = await twoCells();
  const { evidence } = first;
  if (evidence === null) throw new Error('the first row left evidence');
  // So long a row has a part of the file for itself.
  const outcome = { ...evidence.outcome, console: 'x'.repeat(300_000) };
  const rows = [{ ...first, evidence: { ...evidence, outcome } }, second];
  await writeRecording(path('long.gz'), () => rows, { recordedAt: new Date(0), tool: 'test', redactions: {} });
  const bytes = readFileSync(path('long.gz'));
  const magic = Buffer.from([0x1f, 0x8b, 0x08]);
  const begin = [1, 2].reduce((at) => bytes.indexOf(magic, at + 1), 0);
  const at = begin + 100;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path('damaged.gz'), bytes);
  const refused = await runCli(['run', '--replay', path('damaged.gz'), '--out', path('refused')]);
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(second.id) });
  const run = await runCli(['run', '--replay', path('damaged.gz'), '--keep-going', '--out', path('rest')]);
  expect(run.stdout).toContain('1 passed');
  expect(run.stderr).toContain(`lost: ${second.id}`);
  expect(run.exitCode).toBe(2);
});

test('filters that leave nothing are told with how many tests there are, and the names of some', async () => {
  const [first] = await twoCells();
  const run = await runCli([
    'run',
    '--replay',
    path('two.gz'),
    '--grep',
    'nothing-like-this',
    '--out',
    path('nothing'),
  ]);
  expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  expect(run.stderr).toMatch(/^snp-conform: MATRIX_EMPTY: no test is left by --grep nothing-like-this, of 2 \(/);
  expect(run.stderr).toContain(`some names: ${first.id}, `);
});
