import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginManifest, keepFile, MANIFEST_FILE, sealFile } from '../../lib/evidence/manifest.ts';
import type { Result } from '../../lib/evidence/results.ts';
import { appendResult, openRunDirectory, RESULTS_FILE } from '../../lib/evidence/run-directory.ts';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { evidence } from '../judge/made-evidence.ts';
import { testFolder } from '../support/folder.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();
const STARTED = '2026-01-02T03:04:05.000Z';

function cell(id: string): CellFile {
  const made = evidence();
  const verdict = { result: 'pass' as const, checks: [] };
  return {
    format: 'snp-conform/cell@1',
    evidence: { ...made, cell: { ...made.cell, id } },
    predicted: 'd1'.repeat(48),
    verdict,
  };
}

const fileOf = (id: string): string => `cells/made/${id}.json`;

function result(id: string, kind: Result['result']): Result {
  return { suite: 'launch', host: 'made', id, result: kind, durationMs: 1, message: '', cell: cell(id).evidence.cell };
}

/** A run of three cells, of which one left nothing. */
async function madeRun(name: string): Promise<string> {
  const run = path(name);
  beginManifest(run, { tool: 'snp-conform 0', startedAt: STARTED, recording: null });
  for (const id of ['a', 'b']) {
    await keepFile(run, fileOf(id), JSON.stringify(cell(id)), 'lasting');
    appendResult(run, result(id, 'pass'));
  }
  appendResult(run, result('lost', 'infrastructure'));
  return run;
}

const idsOf = (run: string, options: { keepGoing?: true } = {}): string[] =>
  [...openRunDirectory(run, options).rows()].map(({ id, result: kind }) => `${id} ${kind}`).sort();
const troubleOf = (run: string): string => harnessErrorOf(() => openRunDirectory(run)).message;

test('a run is read with what its cells left, and with those that left nothing', async () => {
  const run = openRunDirectory(await madeRun('whole'));
  expect(run.statement).toMatchObject({ tool: 'snp-conform 0', startedAt: STARTED, recording: null });
  expect([...run.rows()].map(({ id, evidence: left }) => [id, left !== null])).toEqual([
    ['a', true],
    ['b', true],
    ['lost', false],
  ]);
});

test('files are only ever added: no line of the manifest changes while more are written', async () => {
  const run = await madeRun('growing');
  const before = readFileSync(join(run, MANIFEST_FILE), 'utf8');
  await keepFile(run, fileOf('c'), JSON.stringify(cell('c')), 'lasting');
  expect(readFileSync(join(run, MANIFEST_FILE), 'utf8').startsWith(before)).toBe(true);
  expect(readdirSync(join(run, 'cells/made')).sort()).toEqual(['a.json', 'b.json', 'c.json']);
});

test('a changed, a removed and a foreign file are named, and the rest is read with keepGoing', async () => {
  const run = await madeRun('changed');
  writeFileSync(join(run, fileOf('a')), JSON.stringify(cell('a')).replace('"vcpus":1', '"vcpus":2'));
  expect(troubleOf(run)).toContain('cells/made/a.json: it is not what was written; lost: cells/made/a.json');
  expect(idsOf(run, { keepGoing: true })).toEqual(['a pass', 'b pass', 'lost infrastructure']);
  expect([...openRunDirectory(run, { keepGoing: true }).rows()].find(({ id }) => id === 'a')?.evidence).toBeNull();
  rmSync(join(run, fileOf('a')));
  expect(troubleOf(run)).toContain('cells/made/a.json: it is gone');
  writeFileSync(join(run, fileOf('stray')), JSON.stringify(cell('stray')));
  expect(troubleOf(run)).toContain('cells/made/stray.json: the manifest does not list it; no cell is lost');
});

test('what a process that is killed leaves is no damage', async () => {
  const run = await madeRun('killed');
  // Torn lines, a file that was announced and never came, one that came and was not noted, a temporary one.
  appendFileSync(join(run, RESULTS_FILE), '{"suite":"laun');
  await keepFile(run, fileOf('c'), JSON.stringify(cell('c')), 'passing');
  const lines = readFileSync(join(run, MANIFEST_FILE), 'utf8').trimEnd().split('\n');
  const announced = (lines.at(-2) ?? '').replace(fileOf('c'), fileOf('d'));
  writeFileSync(join(run, MANIFEST_FILE), `${[...lines.slice(0, -1), announced].join('\n')}\n{"wri`);
  writeFileSync(join(run, `${fileOf('e')}.12.tmp`), '{');
  expect(idsOf(run)).toEqual(['a pass', 'b pass', 'c pass', 'lost infrastructure']);
});

test('a damaged line of the manifest or of the results is named by its place', async () => {
  const run = await madeRun('lines');
  const manifest = readFileSync(join(run, MANIFEST_FILE), 'utf8');
  writeFileSync(join(run, MANIFEST_FILE), manifest.replace('"written"', '"wri\u0000ten"'));
  expect(troubleOf(run)).toContain('manifest.jsonl, line 3: it is not what was written');
  writeFileSync(join(run, MANIFEST_FILE), manifest.replace('"written":"cells/made/a', '"written":"cells/made/q'));
  expect(troubleOf(run)).toContain('manifest.jsonl, line 3: it is not what was written');
  writeFileSync(join(run, MANIFEST_FILE), manifest.replace(/"bytes":(\d+)/, '"bytes":1$1'));
  expect(troubleOf(run)).toContain('cells/made/a.json: it is not what was written');
  writeFileSync(join(run, MANIFEST_FILE), manifest);
  const results = readFileSync(join(run, RESULTS_FILE), 'utf8');
  writeFileSync(join(run, RESULTS_FILE), results.replace('"pass"', '"past"'));
  expect(troubleOf(run)).toContain('results.jsonl, line 1: it is not what was written');
});

test('a list of results that was cut or changed after the run is named, one that a resumed run adds to is not', async () => {
  const run = await madeRun('sealed');
  sealFile(run, RESULTS_FILE);
  appendResult(run, result('later', 'skip'));
  expect(idsOf(run)).toContain('later skip');
  const list = join(run, RESULTS_FILE);
  const whole = readFileSync(list, 'utf8');
  for (const damaged of [whole.replace('"durationMs":1,', '"durationMs":3,'), whole.slice(0, 40)]) {
    writeFileSync(list, damaged);
    expect(troubleOf(run)).toContain('results.jsonl: it is not what was written');
  }
  rmSync(list);
  expect(troubleOf(run)).toContain('results.jsonl: it is gone');
});

test('a manifest that is gone is named', async () => {
  const run = await madeRun('unlisted');
  rmSync(join(run, MANIFEST_FILE));
  expect(troubleOf(run)).toContain('manifest.jsonl: it is gone');
  expect(idsOf(run, { keepGoing: true })).toContain('a pass');
});

test('a cell that was written again is held to what it is now', async () => {
  const run = await madeRun('again');
  await keepFile(run, fileOf('a'), JSON.stringify({ ...cell('a'), predicted: 'ee'.repeat(48) }), 'lasting');
  const row = [...openRunDirectory(run).rows()].find(({ id }) => id === 'a');
  expect(row?.judged?.predicted).toBe('ee'.repeat(48));
});

test('a directory of a time before there were manifests is read all the same', async () => {
  const run = await madeRun('old');
  for (const name of [MANIFEST_FILE, RESULTS_FILE]) rmSync(join(run, name));
  expect(idsOf(run)).toEqual(['a pass', 'b pass']);
});

test('what is no run is refused', () => {
  expect(harnessErrorOf(() => openRunDirectory(path()))).toMatchObject({ code: 'FILE_UNREADABLE' });
});
