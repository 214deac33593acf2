import { hash as hashOf } from 'node:crypto';
import { z } from 'zod';
import { PART, shareSchema, wholeSchema } from '../parts.ts';
import { resultKindSchema } from '../results.ts';
import { cellSchema, evidenceKindSchema } from '../schema.ts';
import { storedMember, storedMemberBytes } from './gzip.ts';

/**
 * A recording is a gzip file of JSON lines, in members:
 * - the header, one line;
 * - the rows, some lines a member, each with the SHA-256 of what it says;
 * - the index, one line: where every member and every row is;
 * - the seal, one line, not compressed: where the index is, and the SHA-256 of all bytes before it.
 * Every bit of the file is covered: the seal by its own form, everything else by its hash.
 */
export const RECORDING_FORMAT = 'snp-conform/recording@2';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/** What a recording says of itself. Kinds follow from the evidence; nothing here is given by hand. */
export const recordingHeaderSchema = z.strictObject({
  format: z.literal(RECORDING_FORMAT),
  kinds: z.array(evidenceKindSchema),
  recordedAt: z.iso.datetime(),
  tool: z.string().max(200),
  cells: count,
  /** How often each rule of redaction found something. */
  redactions: z.record(z.string().max(100), count),
  /** The parts of a run that it holds, of a run that was cut into some: `1/2`, `2/2`. */
  parts: z.array(z.string().regex(PART)).max(9999).optional(),
  /** The run that was cut, and what of it this is; recordings that are older have none. */
  partOf: z.strictObject({ whole: wholeSchema, shares: z.array(shareSchema).min(1).max(9999) }).optional(),
});
export type RecordingHeader = z.infer<typeof recordingHeaderSchema>;

/** Where a row is, and as much of it as is needed to plan a replay. */
const recordedEntrySchema = z.strictObject({
  suite: z.string(),
  host: z.string(),
  id: z.string(),
  result: resultKindSchema.nullable(),
  cell: cellSchema.nullable(),
  /** Place of its member in `members`, and of its line in that. */
  member: count,
  line: count,
});
export type RecordedEntry = z.infer<typeof recordedEntrySchema>;

export const recordingIndexSchema = z.strictObject({
  /** Every member but index and seal: where it begins, how long it is, and the SHA-256 of those bytes. */
  members: z.array(z.strictObject({ at: count, bytes: count, sha256: hash })),
  rows: z.array(recordedEntrySchema),
});
export type RecordingIndex = z.infer<typeof recordingIndexSchema>;

/** Where the index is, and the hash of all bytes before the seal. */
export interface RecordingSeal {
  at: number;
  bytes: number;
  sha256: string;
}

const SEAL = /^\{"index":\{"at":"(\d{15})","bytes":"(\d{15})"\},"sha256":"([0-9a-f]{64})"\}\n$/;
const digits = (value: number): string => String(value).padStart(15, '0');

/** The last member of a recording. */
export function sealMember({ at, bytes, sha256 }: RecordingSeal): Buffer {
  const line = `{"index":{"at":"${digits(at)}","bytes":"${digits(bytes)}"},"sha256":"${sha256}"}\n`;
  return storedMember(Buffer.from(line));
}

/** Every seal is of this length. */
export const SEAL_BYTES = storedMemberBytes(
  Buffer.byteLength(`{"index":{"at":"${digits(0)}","bytes":"${digits(0)}"},"sha256":"${'0'.repeat(64)}"}\n`),
);

/** The seal at the end of a file. @returns undefined where any bit of it is not as it must be */
export function readSeal(file: Uint8Array): RecordingSeal | undefined {
  const bytes = Buffer.from(file.subarray(Math.max(0, file.length - SEAL_BYTES)));
  // A stored member has 15 bytes before its content and 8 after it.
  const [, at, length, sha256] = SEAL.exec(bytes.subarray(15, -8).toString('latin1')) ?? [];
  if (at === undefined || length === undefined || sha256 === undefined) return undefined;
  const seal = { at: Number(at), bytes: Number(length), sha256 };
  return sealMember(seal).equals(bytes) ? seal : undefined;
}

export const sha256Hex = (content: string | Uint8Array): string => hashOf('sha256', content, 'hex');

const LINE = /^\{"sha256":"([0-9a-f]{64})","row":/;
const PREFIX_LENGTH = '{"sha256":"","row":'.length + 64;

/** The line of a row: what it says, and the hash of that. */
export function rowLine(row: unknown): string {
  const text = JSON.stringify(row);
  return `{"sha256":"${sha256Hex(text)}","row":${text}}\n`;
}

/** What a line of a row says, as JSON. @returns undefined where it is not what was written @param line without newline */
export function textOfLine(line: string): string | undefined {
  const expected = LINE.exec(line)?.[1];
  if (expected === undefined || !line.endsWith('}')) return undefined;
  const text = line.slice(PREFIX_LENGTH, -1);
  return sha256Hex(text) === expected ? text : undefined;
}
