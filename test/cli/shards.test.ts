import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Whole } from '../../lib/evidence/parts.ts';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import { type RecordedRow, rowKey } from '../../lib/evidence/results.ts';
import { loadPlan } from '../../lib/runner/plan.ts';
import { matrixJson } from '../matrix/matrices.ts';
import { SHIPPED_RECORDING, writeJson } from '../runner/plans.ts';
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

  const blob = readFileSync(path('blobs', 'part-2.zip'));
  blob[blob.length >> 1] = (blob[blob.length >> 1] ?? 0) ^ 1;
  writeFileSync(path('blobs', 'part-2.zip'), blob);
  const damaged = await runHere(['merge-reports', path('blobs'), '--replay', small, '--out', path('all')]);
  expect(damaged.exitCode).toBe(2);
  expect(damaged.stderr).toMatch(/^snp-conform: RECORDING_INVALID: no blob report: .* is damaged \(\S+part-2\.zip\)\n/);
  expect(damaged.stderr).not.toContain('part-1.zip');
});

/** A recording of the rows of one host, as a part of a run that has these. */
async function hostPart(name: string, host: string, whole: Partial<Whole> = {}): Promise<string> {
  const rows = [...openRecording(SHIPPED_RECORDING).rows()].slice(0, 3).map((row) => ({ ...row, host }));
  const launches = { 'milan-1': 'a'.repeat(64), 'genoa-1': 'b'.repeat(64) };
  const partOf = { whole: { launches, files: {}, suites: ['launch'], ...whole }, shares: [{ hosts: [host] }] };
  const statement = { recordedAt: new Date(0), tool: 'test', redactions: {}, partOf };
  await writeRecording(
    path(name),
    () =>
      rows.map((row) =>
        row.evidence === null
          ? row
          : { ...row, evidence: { ...row.evidence, host: { ...row.evidence.host, name: host } } },
      ),
    statement,
  );
  return path(name);
}

test('recordings of parts by host: one that is not there, or of another run, is refused by name', async () => {
  const milan = await hostPart('milan.gz', 'milan-1');
  const genoa = await hostPart('genoa.gz', 'genoa-1');
  const merge = (...args: string[]) => runHere(['recording', 'merge', path('hosts.gz'), ...args]);
  const lacks = await merge(milan);
  expect(lacks).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('host genoa-1 is not there') });
  const foreign = await merge(
    milan,
    await hostPart('foreign.gz', 'genoa-1', { files: { 'firmware a': 'c'.repeat(64) } }),
  );
  expect(foreign.exitCode).toBe(2);
  expect(foreign.stderr).toMatch(/\/foreign\.gz is not of the same run as \S+\/milan\.gz: another file is firmware a/);
  expect(existsSync(path('hosts.gz'))).toBe(false);
  expect(await merge(milan, '--keep-going')).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('kept 3') });
  expect(await merge(milan, genoa)).toMatchObject({ exitCode: 0, stderr: '' });
  // What was merged is still known to be whole.
  const again = await runHere(['recording', 'merge', path('again.gz'), path('hosts.gz')]);
  expect(again, again.stderr).toMatchObject({ exitCode: 0 });
});

test('what is whole of a damaged part is merged, and the exit code says that it was damaged', async () => {
  const bytes = readFileSync(await hostPart('bad.gz', 'genoa-1'));
  const at = bytes.indexOf(Buffer.from([0x1f, 0x8b]), 20) + 200;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path('bad.gz'), bytes);
  const milan = await hostPart('good.gz', 'milan-1');
  const args = ['recording', 'merge', path('rest.gz'), milan, path('bad.gz')];
  expect((await runHere(args)).exitCode).toBe(2);
  const rest = await runHere([...args, '--keep-going']);
  expect(rest, rest.stderr).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('bad.gz: bytes') });
  expect(existsSync(path('rest.gz'))).toBe(true);
  writeFileSync(path('bad.gz'), 'no recording');
  const none = await runHere([...args, '--keep-going']);
  expect(none).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('kept 3 cells of 1 recordings') });
  expect(none.stderr).toMatch(
    /RECORDING_INVALID: this is no recording: not gzip \(\S+bad\.gz\)[\s\S]*host genoa-1 is not there/,
  );
});

test('a report job needs no variable of the hosts; what hosts.json says wrong is said once, before the runner', async () => {
  const hosts = (slots: unknown) => ({
    format: 'snp-conform/hosts@1',
    hosts: [{ name: 'milan-1', kind: 'ssh', address: 'milan', user: 'lab', privateKey: '$NO_SUCH_LAB_KEY', slots }],
  });
  const files = ['--matrix', writeJson(path('matrix.json'), matrixJson()), '--hosts'];
  const merge = (slots: unknown) =>
    runHere([
      'merge-reports',
      path('none.zip'),
      ...files,
      writeJson(path('hosts.json'), hosts(slots)),
      '--out',
      path('x'),
    ]);
  // An archive without entries: the end of a directory that has none.
  writeFileSync(path('none.zip'), Buffer.concat([Buffer.from('PK\u0005\u0006', 'latin1'), Buffer.alloc(18)]));
  const wrong = await merge('many');
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toMatch(/^snp-conform: HOSTS_INVALID: hosts\[0\]\.slots: .*\n {2}hint: .*\n$/);
  const { source } = loadPlan({
    ...{ runDirectory: path('r'), reportsDirectory: path(), merging: true as const },
    source: {
      kind: 'hosts',
      hostsFile: writeJson(path('hosts.json'), hosts(1)),
      matrixFile: path('matrix.json'),
      referenceFile: null,
    },
  });
  expect(source.kind === 'hosts' && source.entries[0]).toMatchObject({ privateKey: '$NO_SUCH_LAB_KEY' });
});

test('a part that is none is refused', async () => {
  for (const shard of ['0/2', '3/2', '1', '1/0']) {
    expect(await runHere(['run', '--shard', shard]), shard).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`expected a part such as 2/5, got ${shard}`),
    });
  }
});
