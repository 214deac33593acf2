import { createHash, type Hash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HarnessError } from '../../errors.ts';
import { makeFolder } from '../folders.ts';
import type { RecordedRow } from '../results.ts';
import type { EvidenceKind } from '../schema.ts';
import {
  RECORDING_FORMAT,
  type RecordedEntry,
  type RecordingHeader,
  type RecordingIndex,
  rowLine,
  sealMember,
  sha256Hex,
} from './format.ts';
import { gzipMember } from './gzip.ts';

/** So many characters of rows make a member: what they have in common is packed once, and little is lost with one. */
const MEMBER_CHARACTERS = 256 * 1024;

/** What a recording says of itself, as far as its rows do not. */
export interface RecordingStatement {
  recordedAt: Date;
  tool: string;
  redactions: Readonly<Record<string, number>>;
  /** The parts of a run that are in it; absent: it was not cut into parts. */
  parts?: readonly string[] | undefined;
  /** The run that was cut, and what of it this is. */
  partOf?: RecordingHeader['partOf'];
}

/** Members of a file that is being written, hashed as they go. */
class MemberFile {
  readonly members: RecordingIndex['members'] = [];
  readonly #write: (bytes: Uint8Array) => Promise<unknown>;
  readonly #hash: Hash = createHash('sha256');
  #at = 0;

  constructor(write: (bytes: Uint8Array) => Promise<unknown>) {
    this.#write = write;
  }

  async add(bytes: Uint8Array): Promise<{ at: number; bytes: number; sha256: string }> {
    const placed = { at: this.#at, bytes: bytes.length, sha256: sha256Hex(bytes) };
    this.#hash.update(bytes);
    await this.#write(bytes);
    this.#at += bytes.length;
    return placed;
  }

  async addMember(content: string): Promise<void> {
    this.members.push(await this.add(gzipMember(Buffer.from(content))));
  }

  async seal(index: RecordingIndex): Promise<void> {
    const { at, bytes } = await this.add(gzipMember(Buffer.from(`${JSON.stringify(index)}\n`)));
    await this.#write(sealMember({ at, bytes, sha256: this.#hash.digest('hex') }));
  }
}

type Rows = Iterable<RecordedRow> | AsyncIterable<RecordedRow>;

function entryOf({ suite, host, id, result, cell }: RecordedRow, member: number, line: number): RecordedEntry {
  return { suite, host, id, result, cell, member, line };
}

async function writeRows(file: MemberFile, rows: Rows): Promise<RecordedEntry[]> {
  const entries: RecordedEntry[] = [];
  let lines: string[] = [];
  let characters = 0;
  const flush = async (): Promise<void> => {
    if (lines.length > 0) await file.addMember(lines.join(''));
    lines = [];
    characters = 0;
  };
  for await (const row of rows) {
    entries.push(entryOf(row, file.members.length, lines.length));
    const line = rowLine(row);
    lines.push(line);
    characters += line.length;
    if (characters >= MEMBER_CHARACTERS) await flush();
  }
  await flush();
  return entries;
}

/** The kinds of the evidence in rows, and how many rows there are. */
async function summaryOf(rows: Rows): Promise<{ kinds: EvidenceKind[]; cells: number }> {
  const kinds = new Set<EvidenceKind>();
  let cells = 0;
  for await (const { evidence } of rows) {
    cells++;
    if (evidence !== null) kinds.add(evidence.kind);
  }
  return { kinds: [...kinds].sort(), cells };
}

/**
 * Writes a recording, whole or not at all.
 * @param rows gone through twice: the header says what kinds of evidence there are
 * @throws HarnessError RECORDING_INVALID where there is none and it is no part, OUTPUT_UNWRITABLE
 */
export async function writeRecording(path: string, rows: () => Rows, statement: RecordingStatement): Promise<number> {
  const { kinds, cells } = await summaryOf(rows());
  // A part of a run may be empty, and whoever merges must see it.
  if (cells === 0 && statement.parts === undefined)
    throw new HarnessError({ code: 'RECORDING_INVALID', what: 'there is nothing to record', where: path });
  const header: RecordingHeader = {
    format: RECORDING_FORMAT,
    kinds,
    recordedAt: statement.recordedAt.toISOString(),
    tool: statement.tool,
    cells,
    redactions: { ...statement.redactions },
    ...(statement.parts !== undefined && { parts: [...statement.parts] }),
    ...(statement.partOf !== undefined && { partOf: statement.partOf }),
  };
  makeFolder(dirname(path), 'recording');
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    const out = await open(fresh, 'w');
    try {
      const file = new MemberFile((bytes) => out.writeFile(bytes));
      await file.addMember(`${JSON.stringify(header)}\n`);
      const entries = await writeRows(file, rows());
      await file.seal({ members: file.members, rows: entries });
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw cause;
  }
  return cells;
}
