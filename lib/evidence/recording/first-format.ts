import { createHash } from 'node:crypto';
import { constants, gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { HarnessError } from '../../errors.ts';
import { checked } from '../json-file.ts';
import { migrate } from '../migrations.ts';
import { launchOf, type RecordedRow } from '../results.ts';
import { evidenceKindSchema, evidenceSchema } from '../schema.ts';
import { RECORDING_FORMAT, type RecordedEntry, type RecordingHeader } from './format.ts';

/** What stood in the first line of the first format: one gzip of a header, evidence by the line, and a hash of all. */
const FIRST = 'snp-conform/recording@1';
const headerSchema = z.strictObject({
  format: z.literal(FIRST),
  kinds: z.array(evidenceKindSchema).min(1),
  recordedAt: z.iso.datetime(),
  tool: z.string(),
  cells: z.int().nonnegative(),
});
const trailerSchema = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** Unpacked, such a recording may have this many bytes. */
const MAX_UNPACKED_BYTES = 1024 * 1024 * 1024;

/** A recording of the first format as one of today: what came of its rows was not kept. */
export interface FirstRecording {
  header: RecordingHeader;
  entries: RecordedEntry[];
  rows: RecordedRow[];
}

const invalid = (what: string, where: string, cause?: unknown): HarnessError =>
  new HarnessError({
    code: 'RECORDING_INVALID',
    what,
    where,
    hint: 'fetch the recording again, or record it anew',
    cause,
  });

function parse<S extends z.ZodType>(schema: S, line: string | undefined, where: string): z.output<S> {
  try {
    return checked(schema, migrate(JSON.parse(line ?? ''), where), 'RECORDING_INVALID', where);
  } catch (cause) {
    if (cause instanceof HarnessError) throw cause;
    throw invalid('a line is not JSON', where, cause);
  }
}

function rowOf(evidence: z.output<typeof evidenceSchema>): RecordedRow {
  return {
    ...launchOf(evidence),
    host: evidence.host.name,
    result: null,
    durationMs: Object.values(evidence.timingsMs).reduce((sum, ms) => sum + ms, 0),
    message: '',
    cell: evidence.cell,
    evidence,
    judged: null,
  };
}

/** Enough of a file to unpack the beginning of its first line. */
const BEGINNING_BYTES = 4096;

/** The whole text of a file of the first format. @returns undefined where it is of another one, or cannot be unpacked */
function textOf(file: Uint8Array): string | undefined {
  try {
    const beginning = gunzipSync(file.subarray(0, BEGINNING_BYTES), { finishFlush: constants.Z_SYNC_FLUSH });
    if (!beginning.toString('utf8').startsWith(`{"format":"${FIRST}"`)) return undefined;
    return gunzipSync(file, { maxOutputLength: MAX_UNPACKED_BYTES }).toString('utf8');
  } catch {
    return undefined; // The format of today says better what is wrong with it.
  }
}

/** @returns undefined where the file is of another format   @throws HarnessError RECORDING_INVALID */
export function readFirstFormat(file: Uint8Array, path: string): FirstRecording | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const trailerLine = lines.at(-2);
  if (text.at(-1) !== '\n' || !trailerLine?.startsWith('{"sha256":'))
    throw invalid('it is cut off: its last line is missing', path);
  const trailer = parse(trailerSchema, trailerLine, `${path}, last line`);
  const body = text.slice(0, text.length - trailerLine.length - 1);
  if (createHash('sha256').update(body).digest('hex') !== trailer.sha256)
    throw invalid('its content is not what was recorded', path);
  const { format: _, ...header } = parse(headerSchema, lines[0], `${path}, line 1`);
  const rows = lines
    .slice(1, -2)
    .map((line, place) => rowOf(parse(evidenceSchema, line, `${path}, line ${place + 2}`)));
  if (rows.length !== header.cells) throw invalid(`expected ${header.cells} cells, got ${rows.length}`, path);
  const entries = rows.map(({ suite, host, id, result, cell }, line) => ({
    suite,
    host,
    id,
    result,
    cell,
    member: 0,
    line,
  }));
  return { header: { ...header, format: RECORDING_FORMAT, redactions: {} }, entries, rows };
}
