import { existsSync } from 'node:fs';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { type RecordedRow, rowKey } from '../../lib/evidence/results.ts';
import { SHIPPED_RECORDING } from '../runner/plans.ts';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

const rowsOf = (file: string): Map<string, RecordedRow> =>
  new Map([...openRecording(file).rows()].map((row) => [rowKey(row), row]));

test('the parts of a run hold every cell once, and their recordings become one that is that of the whole run', async () => {
  const small = path('small.gz');
  const few = ['--grep', 'policy-0x30000.*1-vcpu'];
  expect((await runHere(['recording', 'prune', SHIPPED_RECORDING, small, ...few])).exitCode).toBe(0);
  const part = (at: number) => {
    const blob = ['--blob', path('blobs', `part-${at}.zip`)];
    const out = ['--out', path(`part-${at}`), '--record', path(`part-${at}.gz`), ...blob];
    return runCli(['run', '--replay', small, '--shard', `${at}/2`, ...out]);
  };
  const parts = await Promise.all([part(1), part(2)]);
  for (const { exitCode, stderr } of parts) expect(exitCode, stderr).toBe(0);
  const merged = await runHere(['recording', 'merge', path('night.gz'), path('part-1.gz'), path('part-2.gz')]);
  expect(merged.exitCode, merged.stderr).toBe(0);
  const [whole, night] = [rowsOf(small), rowsOf(path('night.gz'))];
  expect([...night.keys()].sort()).toEqual([...whole.keys()].sort());
  for (const [key, row] of night) expect(row.evidence).toEqual(whole.get(key)?.evidence);
  expect(rowsOf(path('part-1.gz')).size).toBeGreaterThan(0);
  expect(rowsOf(path('part-2.gz')).size).toBeGreaterThan(0);

  const twice = await runHere(['recording', 'merge', path('twice.gz'), path('part-1.gz'), path('part-1.gz')]);
  expect(twice).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('have no cell in common') });
  const lacks = await runHere(['recording', 'merge', path('half.gz'), path('part-2.gz')]);
  expect(lacks).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('of the parts of this run, 1/2 is not') });
  expect(existsSync(path('half.gz'))).toBe(false);

  const out = ['--out', path('all'), '--record', path('all.gz')];
  const all = await runCli(['merge-reports', path('blobs'), '--replay', small, ...out]);
  expect(all, all.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`${whole.size} passed`) });
  const rows = rowsOf(path('all.gz'));
  expect([...rows.keys()].sort()).toEqual([...whole.keys()].sort());
  for (const [key, row] of rows) expect(row.evidence).toEqual(whole.get(key)?.evidence);
});

test('a part that is none is refused', async () => {
  for (const shard of ['0/2', '3/2', '1', '1/0']) {
    expect(await runHere(['run', '--shard', shard]), shard).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`expected a part such as 2/5, got ${shard}`),
    });
  }
});
