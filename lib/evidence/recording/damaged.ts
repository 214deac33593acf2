import type { Damage } from '../damage.ts';
import {
  type RecordedEntry,
  type RecordingIndex,
  type RecordingSeal,
  recordingIndexSchema,
  sha256Hex,
  textOfLine,
} from './format.ts';
import { nextMember, readMember, salvageMember } from './gzip.ts';

/** A member has this many bytes of content at most. */
export const MEMBER_BYTES_MAX = 512 * 1024 * 1024;

/** What names a cell in a message. */
export const cellName = ({ host, id }: { host: string; id: string }): string => `${id} on ${host}`;

/** Reads an index. @returns undefined where it is damaged */
export function readIndex(file: Uint8Array, { at, bytes }: RecordingSeal): RecordingIndex | undefined {
  const content = readMember(file.subarray(at, at + bytes), MEMBER_BYTES_MAX);
  if (content === undefined) return undefined;
  try {
    return recordingIndexSchema.safeParse(JSON.parse(content.toString('utf8'))).data;
  } catch {
    return undefined; // Not JSON: it is damaged.
  }
}

function linesOf(content: Uint8Array): (string | undefined)[] {
  const lines = Buffer.from(content).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map(textOfLine);
}

/** The rows of a member, also of a damaged one as far as they are whole. */
export function readLines(bytes: Uint8Array): (string | undefined)[] {
  const content = readMember(bytes, MEMBER_BYTES_MAX);
  return linesOf(content ?? salvageMember(bytes, MEMBER_BYTES_MAX));
}

/** Finds out what is wrong with a file whose index can be read. */
export function damagesByIndex(file: Uint8Array, index: RecordingIndex): Damage[] {
  const rowsOf = new Map<number, RecordedEntry[]>();
  for (const entry of index.rows) rowsOf.set(entry.member, [...(rowsOf.get(entry.member) ?? []), entry]);
  const damages: Damage[] = [];
  for (const [number, { at, bytes, sha256 }] of index.members.entries()) {
    const member = file.subarray(at, at + bytes);
    if (sha256Hex(member) === sha256) continue;
    const where = number === 0 ? 'the header' : `bytes ${at} to ${at + bytes - 1}`;
    const lines = number === 0 ? [] : readLines(member);
    const lost = (rowsOf.get(number) ?? []).filter(({ line }) => lines[line] === undefined);
    damages.push({ where, what: 'it is not what was written', cells: lost.map(cellName) });
  }
  return damages;
}

/** The whole rows of a file whose index is gone: member after member, as far as they can be found. */
export function rowsWithoutIndex(file: Uint8Array): { rows: string[]; end: number } {
  const rows: string[] = [];
  let at = 0;
  for (;;) {
    const found = nextMember(file, at, MEMBER_BYTES_MAX);
    if (found === undefined) break;
    rows.push(...linesOf(found.content).filter((row) => row !== undefined));
    at += found.bytes;
  }
  if (at < file.length) {
    // The member in which it is cut off, or damaged; nothing tells where one after it begins.
    const last = linesOf(salvageMember(file.subarray(at), MEMBER_BYTES_MAX));
    rows.push(...last.filter((row) => row !== undefined));
  }
  return { rows, end: at };
}
