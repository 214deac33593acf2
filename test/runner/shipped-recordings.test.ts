import { readdirSync, readFileSync } from 'node:fs';
import { changeText, compareRuns, isRegression } from '../../lib/compare/compare.ts';
import { factsOf } from '../../lib/compare/facts.ts';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import { judge } from '../../lib/judge/judge.ts';
import { planCells } from '../../lib/matrix/cells.ts';
import { matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { predictEvidence } from '../../lib/runner/predict-cell.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const FOLDER = projectPath('fixtures', 'recordings');
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.gz'));
const HEX = /^[0-9a-f]{96}$/;

const rowsOf = (name: string): RecordedRow[] => [...openRecording(`${FOLDER}/${name}`).rows()];

/** What became of a row since it was recorded; undefined where nothing did. */
function changeOf({ id, evidence, judged, result }: RecordedRow): string | undefined {
  if (evidence === null || judged === null) return undefined;
  const prediction = predictEvidence(evidence);
  const predicted = Buffer.from(prediction.launchDigest).toString('hex');
  const verdict = judge(prediction, evidence).result;
  return predicted === judged.predicted && verdict === result ? undefined : `${id}: ${result} is ${verdict}`;
}

for (const name of NAMES) {
  test(`${name} is emulated, redacted, small, and judged as when it was recorded`, () => {
    const { header } = openRecording(`${FOLDER}/${name}`);
    expect(header.kinds).toEqual(['emulated']);
    const rows = rowsOf(name);
    expect(rows.flatMap((row) => changeOf(row) ?? [])).toEqual([]);
    expect(rows.filter(({ judged }) => judged !== null).every((row) => HEX.test(row.judged?.predicted ?? ''))).toBe(
      true,
    );
    const said = JSON.stringify(rows);
    for (const secret of ['PRIVATE KEY', '/root/', '/home/']) expect(said).not.toContain(secret);
  });
}

test('beside each other the two say that QEMU became another, and nothing else', () => {
  const facts = (name: string) =>
    rowsOf(`${name}.emulated.jsonl.gz`).flatMap((row) =>
      row.result === null ? [] : [factsOf({ ...row, result: row.result })],
    );
  const comparison = compareRuns(facts('example-matrix'), facts('example-matrix-qemu-11'));
  expect(isRegression(comparison)).toBe(false);
  expect(comparison).toMatchObject({ common: 60, newFailures: [], fixed: [], digestAlarms: [], predictionAlarms: [] });
  const changes = comparison.provenance.map(changeText);
  expect(changes.filter((text) => !/QEMU default: 10\.0\..* -> 11\./.test(text))).toEqual([]);
  expect(changes).toHaveLength(2);
});

/** How many rows of a recording came out how. */
function totals(name: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { result } of rowsOf(name)) counts[result ?? 'not kept'] = (counts[result ?? 'not kept'] ?? 0) + 1;
  return counts;
}

test('the example matrix passed on both QEMUs, with the same digests', () => {
  const [old, newer] = ['example-matrix', 'example-matrix-qemu-11'].map((name) => rowsOf(`${name}.emulated.jsonl.gz`));
  const digests = (rows: RecordedRow[] = []) =>
    rows.map(({ host, id, judged }) => [host, id, judged?.predicted]).sort();
  expect(digests(newer)).toEqual(digests(old));
  expect(totals('example-matrix.emulated.jsonl.gz')).toEqual({ pass: 60 });
  expect(totals('example-matrix-qemu-11.emulated.jsonl.gz')).toEqual({ pass: 60 });
  const versions = (rows: RecordedRow[] = []) =>
    new Set(rows.map(({ evidence }) => evidence?.host.qemu.default?.version.split('.')[0]));
  expect([versions(old), versions(newer)]).toEqual([new Set(['10']), new Set(['11'])]);
});

test('the example recordings are of the matrix that ships', () => {
  const matrix = matrixSchema.parse(JSON.parse(readFileSync(projectPath('matrix.example.json'), 'utf8')));
  const tags = ['features-0x1', 'features-0x21'];
  const cells = tags.flatMap((tag) => planCells(matrix, [tag], 'matrix.example.json'));
  const ids = cells.flatMap(({ cell, excludedBecause }) => (excludedBecause === undefined ? [cell.id] : []));
  expect(
    rowsOf('example-matrix.emulated.jsonl.gz')
      .map(({ id }) => id)
      .sort(),
  ).toEqual(ids.sort());
});

test('the suites of refusals passed, and the night with lab trouble is one, told apart host by host', () => {
  expect(totals('negative-suites.emulated.jsonl.gz')).toEqual({ pass: 84, skip: 4 });
  expect(totals('lab-trouble.emulated.jsonl.gz')).toEqual({ pass: 4, infrastructure: 12 });
  const codes = rowsOf('lab-trouble.emulated.jsonl.gz').flatMap(({ host, message }) =>
    message === '' || message.startsWith('HOST_SET_ASIDE') ? [] : [`${host} ${message.split(':', 1)[0]}`],
  );
  expect([...new Set(codes)].sort()).toEqual([
    'emulated-busy LAUNCH_BROKEN',
    'emulated-oom QEMU_KILLED',
    'unreachable SSH_CONNECT',
  ]);
});
