import { readFileSync } from 'node:fs';
import { HarnessError } from '../../errors.ts';
import { type Damage, damageError } from '../damage.ts';
import { fileTrouble } from '../input-file.ts';
import { checked } from '../json-file.ts';
import { migrateWithEvidence } from '../migrations.ts';
import { type RecordedRow, recordedRowSchema } from '../results.ts';
import { cellName, damagesByIndex, MEMBER_BYTES_MAX, readIndex, readLines, rowsWithoutIndex } from './damaged.ts';
import { readFirstFormat } from './first-format.ts';
import {
  RECORDING_FORMAT,
  type RecordedEntry,
  type RecordingHeader,
  type RecordingIndex,
  readSeal,
  recordingHeaderSchema,
  SEAL_BYTES,
  sha256Hex,
} from './format.ts';
import { beginsAsMember, nextMember } from './gzip.ts';

/** Members that stay unpacked. */
const MEMBERS_KEPT = 4;

/** What to do with a recording that is not what was written. */
export interface ReadOptions {
  /** Read what is whole; the damage is told by `damages`. */
  keepGoing?: true;
}

const invalid = (what: string, where: string, cause?: unknown): HarnessError =>
  new HarnessError({
    code: 'RECORDING_INVALID',
    what,
    where,
    hint: 'fetch the recording again, or record it anew',
    cause,
  });

/** Checks the JSON of a row. @throws HarnessError RECORDING_INVALID */
function parseRow(text: string, where: string): RecordedRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('a row is not JSON', where, cause);
  }
  return checked(recordedRowSchema, migrateWithEvidence(value, where), 'RECORDING_INVALID', where);
}

/** A recording that is open: what it says of itself, and its rows, read when they are asked for. */
export class Recording {
  readonly path: string;
  readonly header: RecordingHeader;
  readonly entries: readonly RecordedEntry[];
  readonly damages: readonly Damage[];
  readonly #rowAt: (entry: RecordedEntry) => RecordedRow;

  constructor(
    path: string,
    content: { header: RecordingHeader; entries: readonly RecordedEntry[]; damages: readonly Damage[] },
    rowAt: (entry: RecordedEntry) => RecordedRow,
  ) {
    this.path = path;
    this.header = content.header;
    this.entries = content.entries;
    this.damages = content.damages;
    this.#rowAt = rowAt;
  }

  /** @throws HarnessError RECORDING_INVALID */
  row(entry: RecordedEntry): RecordedRow {
    return this.#rowAt(entry);
  }

  /** All rows, in the order of the recording. @throws HarnessError RECORDING_INVALID */
  *rows(): Generator<RecordedRow> {
    for (const entry of this.entries) yield this.#rowAt(entry);
  }
}

/** The header, or what can be told of it where that is damaged. */
function headerOf(file: Uint8Array, path: string, index: RecordingIndex | undefined): RecordingHeader | undefined {
  const content = nextMember(file, 0, MEMBER_BYTES_MAX)?.content.toString('utf8').split('\n', 1)[0];
  if (content === undefined) {
    // What it would say of the rows can be told from them.
    return (
      index && {
        format: RECORDING_FORMAT,
        kinds: [],
        recordedAt: new Date(0).toISOString(),
        tool: '',
        cells: index.rows.length,
        redactions: {},
      }
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  return checked(recordingHeaderSchema, value, 'RECORDING_INVALID', `${path}, header`);
}

/** Reads rows by the index, a few members at hand. */
function byIndex(file: Uint8Array, path: string, index: RecordingIndex): (entry: RecordedEntry) => RecordedRow {
  const kept = new Map<number, (string | undefined)[]>();
  const linesOf = (number: number): (string | undefined)[] => {
    const { at, bytes } = index.members[number] ?? { at: 0, bytes: 0 };
    const lines = kept.get(number) ?? readLines(file.subarray(at, at + bytes));
    kept.delete(number);
    kept.set(number, lines);
    const [oldest] = kept.keys();
    if (kept.size > MEMBERS_KEPT && oldest !== undefined) kept.delete(oldest);
    return lines;
  };
  return (entry) => {
    const text = linesOf(entry.member)[entry.line];
    const where = `${path}, ${cellName(entry)}`;
    if (text === undefined) throw invalid('the row is not what was written', where);
    const row = parseRow(text, where);
    if (row.host === entry.host && row.id === entry.id && row.suite === entry.suite) return row;
    throw invalid('the index leads to another row', where);
  };
}

/** What is whole of a file without a readable index. */
function withoutIndex(file: Uint8Array, path: string, what: string): Recording {
  const { rows: texts, end } = rowsWithoutIndex(file);
  const rows = texts.map((text, place) => parseRow(text, `${path}, row ${place + 1}`));
  const header = headerOf(file, path, undefined) ?? {
    format: RECORDING_FORMAT,
    kinds: [],
    recordedAt: new Date(0).toISOString(),
    tool: '',
    cells: rows.length,
    redactions: {},
  };
  const entries = rows.map(({ suite, host, id, result, cell }, line) => ({
    suite,
    host,
    id,
    result,
    cell,
    member: 0,
    line,
  }));
  const missing = header.cells - rows.length;
  const lost = missing > 0 ? [`${missing} of ${header.cells} cells, which it no longer names`] : [];
  const damages = [{ where: `from byte ${end}`, what, cells: lost }];
  return new Recording(path, { header, entries, damages }, ({ line }) => {
    const row = rows[line];
    if (row === undefined) throw invalid('no such row', path);
    return row;
  });
}

function openWhole(file: Uint8Array, path: string): Recording {
  const seal = readSeal(file);
  const index = seal && readIndex(file, seal);
  if (seal === undefined) return withoutIndex(file, path, 'it is cut off, or its end is not what was written');
  if (index === undefined) return withoutIndex(file, path, 'its index is not what was written');
  // What the seal covers must reach to the seal: nothing may stand between.
  const reaches = seal.at + seal.bytes === file.length - SEAL_BYTES;
  const whole = reaches && sha256Hex(file.subarray(0, seal.at + seal.bytes)) === seal.sha256;
  const damages = whole ? [] : damagesByIndex(file, index);
  if (!whole && damages.length === 0) {
    damages.push({
      where: `bytes ${seal.at} to ${seal.at + seal.bytes - 1}, the index`,
      what: 'it is not what was written',
      cells: [],
    });
  }
  const header = headerOf(file, path, index);
  if (header === undefined) throw invalid('its header cannot be read', path);
  const lost = new Set(damages.flatMap(({ cells }) => cells));
  const entries = index.rows.filter((entry) => !lost.has(cellName(entry)));
  return new Recording(path, { header, entries, damages }, byIndex(file, path, index));
}

/**
 * Opens a recording and verifies every byte of it.
 * @throws HarnessError FILE_UNREADABLE; RECORDING_INVALID, which names what is damaged and which cells are lost, unless
 * `keepGoing` is given
 */
export function openRecording(path: string, options: ReadOptions = {}): Recording {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot be read: ${fileTrouble(cause)}`,
      where: path,
      cause,
    });
  }
  if (!beginsAsMember(file) && readSeal(file) === undefined) throw invalid('this is no recording: not gzip', path);
  const first = readFirstFormat(file, path);
  const recording =
    first === undefined
      ? openWhole(file, path)
      : new Recording(path, { ...first, damages: [] }, ({ line }) => {
          const row = first.rows[line];
          if (row === undefined) throw invalid('no such row', path);
          return row;
        });
  if (recording.damages.length > 0 && options.keepGoing !== true) {
    throw damageError(recording.damages, path, 'RECORDING_INVALID');
  }
  return recording;
}
