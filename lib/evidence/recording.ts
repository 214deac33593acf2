import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from './input-file.ts';
import { checked, writeFileAtomically } from './json-file.ts';
import { type Evidence, evidenceKindSchema, evidenceSchema } from './schema.ts';

/** A recording: gzip of lines; the first says what it is, the last is the SHA-256 of all lines before it. */
const headerSchema = z.strictObject({
  format: z.literal('snp-conform/recording@1'),
  /** Taken from the evidence, never given by hand. */
  kinds: z.array(evidenceKindSchema).min(1),
  recordedAt: z.iso.datetime(),
  tool: z.string(),
  cells: z.int().nonnegative(),
});
const trailerSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export interface Recording {
  header: z.infer<typeof headerSchema>;
  evidence: Evidence[];
}

/** Unpacked, a recording may have this many bytes. */
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;

/** Writes evidence as one file. @throws HarnessError RECORDING_INVALID when there is none */
export async function writeRecording(
  path: string,
  evidence: readonly Evidence[],
  recordedAt: Date,
  tool: string,
): Promise<void> {
  const header: Recording['header'] = {
    format: 'snp-conform/recording@1',
    kinds: [...new Set(evidence.map((one) => one.kind))].sort(),
    recordedAt: recordedAt.toISOString(),
    tool,
    cells: evidence.length,
  };
  checked(headerSchema, header, 'RECORDING_INVALID', path);
  const lines = [header, ...evidence].map((line) => `${JSON.stringify(line)}\n`).join('');
  const trailer = JSON.stringify({ sha256: createHash('sha256').update(lines).digest('hex') });
  await writeFileAtomically(path, gzipSync(`${lines}${trailer}\n`, { level: 9 }));
}

const invalid = (what: string, where: string, cause?: unknown): HarnessError =>
  new HarnessError({
    code: 'RECORDING_INVALID',
    what,
    where,
    hint: 'fetch the recording again, or record it anew',
    cause,
  });

const GZIP_MAGIC = [0x1f, 0x8b] as const;

function unpack(path: string): string {
  let packed: Buffer;
  try {
    packed = readFileSync(path);
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot be read: ${fileTrouble(cause)}`,
      where: path,
      cause,
    });
  }
  if (packed[0] !== GZIP_MAGIC[0] || packed[1] !== GZIP_MAGIC[1]) throw invalid('this is no recording: not gzip', path);
  try {
    return gunzipSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES }).toString('utf8');
  } catch (cause) {
    throw invalid(`cannot be unpacked: ${cause instanceof Error ? cause.message : cause}`, path, cause);
  }
}

function parseLine<S extends z.ZodType>(schema: S, line: string | undefined, where: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(line ?? '');
  } catch (cause) {
    throw invalid('a line is not JSON', where, cause);
  }
  return checked(schema, value, 'RECORDING_INVALID', where);
}

/** Reads and verifies a recording. @throws HarnessError FILE_UNREADABLE, RECORDING_INVALID */
export function readRecording(path: string): Recording {
  const text = unpack(path);
  const lines = text.split('\n');
  // The last line ends with a newline too, so the last element is empty.
  const trailerLine = lines.at(-2);
  if (text.at(-1) !== '\n' || !trailerLine?.startsWith('{"sha256":'))
    throw invalid('it is cut off: its last line is missing', path);
  const trailer = parseLine(trailerSchema, trailerLine, `${path}, last line`);
  const body = text.slice(0, text.length - (trailerLine?.length ?? 0) - 1);
  if (createHash('sha256').update(body).digest('hex') !== trailer.sha256)
    throw invalid('its content is not what was recorded', path);
  const header = parseLine(headerSchema, lines[0], `${path}, line 1`);
  const evidence = lines
    .slice(1, -2)
    .map((line, index) => parseLine(evidenceSchema, line, `${path}, line ${index + 2}`));
  if (evidence.length !== header.cells) throw invalid(`expected ${header.cells} cells, got ${evidence.length}`, path);
  return { header, evidence };
}
