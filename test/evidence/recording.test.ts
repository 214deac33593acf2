import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { HarnessError } from '../../lib/errors.ts';
import { readRecording, writeRecording } from '../../lib/evidence/recording.ts';
import type { Evidence } from '../../lib/evidence/schema.ts';
import { evidence, refusedAtFinish } from '../judge/made-evidence.ts';
import { testFolder } from '../support/folder.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const path = testFolder();
const WHEN = new Date('2026-01-02T03:04:05.000Z');
const EVIDENCE: readonly Evidence[] = [
  evidence({ outcome: { console: 'boot\r\n\u0000\u001b[2J\ud800 \u2028 ü\n' } }),
  refusedAtFinish(0x0b, 'Bad measurement'),
];

let original: Buffer;
test.beforeAll(async () => {
  await writeRecording(path('original'), EVIDENCE, WHEN, 'snp-conform 0.0.0');
  original = readFileSync(path('original'));
});

/** Reads a recording of the given bytes. */
function readBytes(bytes: Uint8Array): ReturnType<typeof readRecording> {
  writeFileSync(path('changed'), bytes);
  return readRecording(path('changed'));
}

/** The code of the refusal; undefined where the recording is read. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    readBytes(bytes);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof HarnessError) return thrown.code;
    throw thrown;
  }
}

/** A recording of the given lines, with a trailer that holds. */
function sealed(lines: readonly string[]): Uint8Array {
  const body = lines.map((line) => `${line}\n`).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  return gzipSync(`${body}${JSON.stringify({ sha256 })}\n`);
}

const lines = (): string[] => gunzipSync(original).toString('utf8').split('\n').slice(0, -2);

test('a recording is read back as it was written, whatever the guest printed', () => {
  const { header, evidence: read } = readRecording(path('original'));
  expect(header).toEqual({
    format: 'snp-conform/recording@1',
    kinds: ['emulated'],
    recordedAt: '2026-01-02T03:04:05.000Z',
    tool: 'snp-conform 0.0.0',
    cells: 2,
  });
  expect(read).toEqual(EVIDENCE);
});

test('the same evidence makes the same file', async () => {
  await writeRecording(path('again'), EVIDENCE, WHEN, 'snp-conform 0.0.0');
  expect(readFileSync(path('again')).equals(original)).toBe(true);
});

test('a recording of nothing is not written', async () => {
  expect(await rejection(writeRecording(path('none'), [], WHEN, 'x'))).toMatchObject({ code: 'RECORDING_INVALID' });
  expect(readdirSync(path())).not.toContain('none');
});

// Some bits of a gzip file say nothing of its content: time and system, the filling of the last byte, and a reference to
// one of two equal places. Source: RFC 1951, RFC 1952.
test('a flipped bit is found, or it changes nothing', () => {
  let unnoticed = 0;
  for (let at = 0; at < original.length; at++) {
    const bytes = Uint8Array.from(original);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << ((at * 5) % 8));
    const code = refusal(bytes);
    if (code === undefined) expect(readBytes(bytes).evidence, `bit of byte ${at}`).toEqual(EVIDENCE);
    else expect(code, `bit of byte ${at}`).toBe('RECORDING_INVALID');
    if (code === undefined) unnoticed += 1;
  }
  expect(unnoticed).toBeLessThan(20);
});

test('a recording cut at any length is found', () => {
  for (let length = 0; length < original.length; length++) {
    expect(refusal(original.subarray(0, length)), `${length} bytes`).toBe('RECORDING_INVALID');
  }
});

test('a recording with something appended is found', () => {
  expect(refusal(Buffer.concat([original, original]))).toBe('RECORDING_INVALID');
  expect(refusal(Buffer.concat([original, gzipSync('more')]))).toBe('RECORDING_INVALID');
});

test('changed text with the old checksum is found', () => {
  const text = gunzipSync(original).toString('utf8');
  for (const [from, to] of [
    ['Bad measurement', 'Bad Measurement'],
    ['"emulated"', '"hardware"'],
    ['"cells":2', '"cells":1'],
  ] as const) {
    expect(text).toContain(from);
    expect(() => readBytes(gzipSync(text.replace(from, to)))).toThrow('its content is not what was recorded');
  }
});

test('a recording that seals nonsense is refused with the line', () => {
  const [header = '', first = '', second = ''] = lines();
  const error = (changed: readonly string[]): string => harnessErrorOf(() => readBytes(sealed(changed))).message;
  expect(readBytes(sealed([header, first, second])).evidence).toEqual(EVIDENCE);
  expect(error([header, first])).toContain('expected 2 cells, got 1');
  expect(error([header, first, second, second])).toContain('expected 2 cells, got 3');
  expect(error([header, first, '{'])).toMatch(/a line is not JSON.*line 3/);
  expect(error([header, first.replace('"vcpus":1', '"vcpus":0'), second])).toMatch(/cell\.vcpus: .*line 2/);
  expect(error([header, first.replace('"exitCode"', '"exit"'), second])).toMatch(/outcome.*line 2/);
  expect(error([header.replace('@1', '@2'), first, second])).toMatch(/format: .*line 1/);
  expect(error([first, second])).toMatch(/line 1/);
  expect(error([header, first.replaceAll('"name":"made"', '"name":"../made"'), second])).toMatch(
    /host\.name: .*line 2/,
  );
});

test('a file that is not there is unreadable, not invalid', () => {
  expect(harnessErrorOf(() => readRecording(path('absent')))).toMatchObject({
    code: 'FILE_UNREADABLE',
    where: path('absent'),
  });
});
