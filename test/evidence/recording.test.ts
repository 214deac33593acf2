import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { openRecording, type Recording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import { readRecording } from '../../lib/evidence/recording.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import type { Evidence } from '../../lib/evidence/schema.ts';
import { evidence, refusedAtFinish } from '../judge/made-evidence.ts';
import { testFolder } from '../support/folder.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const path = testFolder();
const WHEN = new Date('2026-01-02T03:04:05.000Z');
const STATEMENT = { recordedAt: WHEN, tool: 'snp-conform 0.0.0', redactions: { user: 2 } };

function rowOf(one: Evidence, id: string, result: RecordedRow['result']): RecordedRow {
  const made = { ...one, cell: { ...one.cell, id } };
  return {
    suite: 'launch',
    host: one.host.name,
    id,
    result,
    durationMs: 12.5,
    message: result === 'pass' ? '' : 'CHECK_FAILED: no\n  hint: \u00fc',
    cell: made.cell,
    evidence: made,
    judged: { predicted: 'd1'.repeat(48), verdict: { result: 'pass', checks: [] } },
  };
}

/** A cell that left nothing: the host was lost. */
const LOST: RecordedRow = {
  ...rowOf(evidence(), 'lost', 'infrastructure'),
  message: 'SSH_LOST: the connection was lost (host made)',
  evidence: null,
  judged: null,
};
const ROWS: readonly RecordedRow[] = [
  rowOf(evidence({ outcome: { console: 'boot\r\n\u0000\u001b[2J\ud800 \u2028 ü\n' } }), 'a/one', 'pass'),
  rowOf(refusedAtFinish(0x0b, 'Bad measurement'), 'a/two', 'fail'),
  LOST,
];

let original: Buffer;
test.beforeAll(async () => {
  await writeRecording(path('original'), () => ROWS, STATEMENT);
  original = readFileSync(path('original'));
});

function openBytes(bytes: Uint8Array, options: { keepGoing?: true } = {}): Recording {
  writeFileSync(path('changed'), bytes);
  return openRecording(path('changed'), options);
}

/** What does not survive JSON: a lone surrogate becomes its escape and back. */
const asRead = (rows: readonly RecordedRow[]): unknown => JSON.parse(JSON.stringify(rows));

test('a recording is read back as it was written, whatever the guest printed', () => {
  const recording = openRecording(path('original'));
  expect(recording.header).toEqual({
    format: 'snp-conform/recording@2',
    kinds: ['emulated'],
    recordedAt: '2026-01-02T03:04:05.000Z',
    tool: 'snp-conform 0.0.0',
    cells: 3,
    redactions: { user: 2 },
  });
  expect([...recording.rows()]).toEqual(asRead(ROWS));
  expect(recording.entries.map(({ id, result }) => `${id} ${result}`)).toEqual([
    'a/one pass',
    'a/two fail',
    'lost infrastructure',
  ]);
});

test('it is readable without this tool: gzip of JSON lines', () => {
  const lines = gunzipSync(original).toString('utf8').trimEnd().split('\n');
  expect(lines.map((line) => Object.keys(JSON.parse(line)).sort())).toEqual([
    ['cells', 'format', 'kinds', 'recordedAt', 'redactions', 'tool'],
    ...ROWS.map(() => ['row', 'sha256']),
    ['members', 'rows'],
    ['index', 'sha256'],
  ]);
});

test('the same rows make the same file', async () => {
  await writeRecording(path('again'), () => ROWS, STATEMENT);
  expect(readFileSync(path('again')).equals(original)).toBe(true);
});

test('a recording of nothing is not written', async () => {
  expect(await rejection(writeRecording(path('none'), () => [], STATEMENT))).toMatchObject({
    code: 'RECORDING_INVALID',
  });
  expect(readdirSync(path()).filter((name) => name.startsWith('none'))).toEqual([]);
});

/** Every place of what stands at the edges, and some of what is between. */
const PLACES = (length: number): number[] =>
  Array.from({ length }, (_, at) => at).filter((at) => at < 24 || at > length - 160 || at % 9 === 0);

test('any bit that is flipped is found, and named', () => {
  for (const at of PLACES(original.length)) {
    const bytes = Uint8Array.from(original);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const code = errorCodeOf(() => openBytes(bytes));
    assert.equal(code, 'RECORDING_INVALID', `bit ${at % 8} of byte ${at}`);
  }
});

test('a flipped bit takes no cell down but its own, and the rest is what was written', async () => {
  // Unlike rows, so large that each is a member of its own.
  const rows = ['one', 'two', 'three', 'four'].map((id) => {
    const console = createHash('sha512').update(id).digest('hex').repeat(2100);
    return rowOf(evidence({ outcome: { console } }), id, 'pass');
  });
  await writeRecording(path('large'), () => rows, STATEMENT);
  const file = readFileSync(path('large'));
  const members = openRecording(path('large')).entries.map(({ member }) => member);
  expect(members).toEqual([1, 2, 3, 4]);
  for (let at = 0; at < file.length; at += Math.floor(file.length / 24)) {
    const bytes = Uint8Array.from(file);
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    const { damages, entries, header } = openBytes(bytes, { keepGoing: true });
    expect(damages, `byte ${at}`).toHaveLength(1);
    const lost = damages.flatMap(({ cells }) => cells);
    expect(lost.length, `byte ${at}`).toBeLessThanOrEqual(1);
    expect(entries.length + lost.length, `byte ${at}`).toBe(4);
    const whole = [...openBytes(bytes, { keepGoing: true }).rows()];
    expect(whole).toEqual(asRead(rows.filter(({ id }) => !lost.includes(`${id} on made`))));
    expect(header.cells).toBe(4);
  }
});

test('a recording cut at any length is found, and what came before the cut can be read', () => {
  const written = asRead(ROWS) as RecordedRow[];
  let most = 0;
  // The runner's `expect` costs more than what is tested here.
  for (const length of PLACES(original.length)) {
    const cut = original.subarray(0, length);
    const code = errorCodeOf(() => openBytes(cut));
    assert.equal(code, 'RECORDING_INVALID', `${length} bytes`);
    if (length < 2) continue;
    const rows = [...openBytes(cut, { keepGoing: true }).rows()];
    assert.deepEqual(rows, written.slice(0, rows.length), `${length} bytes`);
    assert(rows.length >= most, `${length} bytes`);
    most = rows.length;
  }
  expect(most).toBe(3);
});

test('a recording with something before, behind or in its middle is found', () => {
  const more = gzipSync('more');
  for (const bytes of [
    Buffer.concat([original, original]),
    Buffer.concat([original, more]),
    Buffer.concat([more, original]),
    Buffer.concat([original.subarray(0, 100), original]),
  ]) {
    expect(errorCodeOf(() => openBytes(bytes))).toBe('RECORDING_INVALID');
  }
});

test('a kind that is written in by hand is found, since evidence is bound by its hash', () => {
  const text = gunzipSync(original).toString('utf8');
  const changed = gzipSync(text.replaceAll('"emulated"', '"hardware"'));
  const recording = openBytes(changed, { keepGoing: true });
  expect([...recording.rows()].filter((row) => row.evidence?.kind === 'hardware')).toEqual([]);
  expect(recording.damages).not.toEqual([]);
});

test('damage is told by the cells that it costs', async () => {
  const bytes = Uint8Array.from(original);
  const at = Math.floor(original.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const { message } = harnessErrorOf(() => openBytes(bytes));
  expect(message).toMatch(
    /RECORDING_INVALID: it is not what was written:\n {2}bytes \d+ to \d+: .*(?:lost: |no cell is lost)/,
  );
});

test('a recording of the first format is read, and its cells have no result', () => {
  const header = {
    format: 'snp-conform/recording@1',
    kinds: ['emulated'],
    recordedAt: WHEN.toISOString(),
    tool: 't',
    cells: 2,
  };
  const body = [header, evidence(), refusedAtFinish(0x0b, 'x')].map((line) => `${JSON.stringify(line)}\n`).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  writeFileSync(path('first'), gzipSync(`${body}${JSON.stringify({ sha256 })}\n`));
  expect(readRecording(path('first')).evidence).toEqual([evidence(), refusedAtFinish(0x0b, 'x')]);
  expect(openRecording(path('first')).entries.map(({ result }) => result)).toEqual([null, null]);
  writeFileSync(
    path('first-changed'),
    gzipSync(`${body.replace('"vcpus":1', '"vcpus":2')}${JSON.stringify({ sha256 })}\n`),
  );
  expect(() => openRecording(path('first-changed'))).toThrow('its content is not what was recorded');
  expect(() => openRecording(path('first-cut'))).toThrow('FILE_UNREADABLE');
});

test('a file that is not there is unreadable, not invalid; one that is no gzip is no recording', () => {
  expect(harnessErrorOf(() => openRecording(path('absent')))).toMatchObject({ code: 'FILE_UNREADABLE' });
  expect(() => openBytes(Buffer.from('{}'))).toThrow('this is no recording: not gzip');
});
