import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from './folders.ts';
import { type Durability, writeFileAtomically } from './json-file.ts';
import { sha256Hex } from './recording/format.ts';

/** The file of a run directory that lists every other, with its hash; lines are only ever added. */
export const MANIFEST_FILE = 'manifest.jsonl';
const RUN_FORMAT = 'snp-conform/run@1';

const path = z.string().min(1).max(1000);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** One line: what the run is, a file that is about to be written, or one that was. */
const manifestLineSchema = z.union([
  z.strictObject({
    format: z.literal(RUN_FORMAT),
    tool: z.string().max(200),
    startedAt: z.iso.datetime(),
    /** The recording that is played back; null: guests are launched. */
    recording: z.string().nullable(),
  }),
  z.strictObject({ writing: path, bytes: z.int().nonnegative(), sha256: hash }),
  z.strictObject({ written: path }),
]);
export type ManifestLine = z.infer<typeof manifestLineSchema>;
export type RunStatement = Extract<ManifestLine, { format: string }>;

function append(runDirectory: string, line: ManifestLine, durability: Durability): void {
  const text = `${JSON.stringify(line)}\n`;
  const file = join(runDirectory, MANIFEST_FILE);
  if (durability === 'passing') {
    appendFileSync(file, text);
    return;
  }
  // One write of one short line: lines of several processes do not mix. Source: POSIX, write, O_APPEND.
  const descriptor = openSync(file, 'a');
  try {
    writeSync(descriptor, text);
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The name of a file survives only once its folder is on the disk. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Begins the manifest of a run. */
export function beginManifest(runDirectory: string, statement: Omit<RunStatement, 'format'>): void {
  makeFolder(runDirectory, 'run');
  append(runDirectory, { format: RUN_FORMAT, ...statement }, 'lasting');
}

/**
 * Keeps a file of a run: whole or not at all, and listed. The manifest tells before what will be written and afterwards that
 * it was, so that a process that ends at any moment between leaves no doubt.
 * @param name relative to the run directory, with `/`
 */
export async function keepFile(
  runDirectory: string,
  name: string,
  content: string,
  durability: Durability,
): Promise<void> {
  const bytes = Buffer.from(content);
  makeFolder(runDirectory, 'run');
  append(runDirectory, { writing: name, bytes: bytes.length, sha256: sha256Hex(bytes) }, durability);
  const target = join(runDirectory, name);
  await writeFileAtomically(target, bytes, durability);
  if (durability === 'lasting') syncFolder(dirname(target));
  append(runDirectory, { written: name }, durability);
}

/**
 * Lists a file that was added to line by line while the run went on, as it is at its end. What is added later, when the run is
 * gone on with, is listed anew: such a file is held to its beginning.
 * @param name relative to the run directory
 */
export function sealFile(runDirectory: string, name: string): void {
  const bytes = readFileSync(join(runDirectory, name));
  append(runDirectory, { writing: name, bytes: bytes.length, sha256: sha256Hex(bytes) }, 'lasting');
  append(runDirectory, { written: name }, 'lasting');
}

/** Does a file begin with what was sealed last? */
export function holdsToSeal(bytes: Uint8Array, { versions }: ManifestEntry): boolean {
  const last = versions.at(-1);
  return last === undefined || sha256Hex(bytes.subarray(0, last.bytes)) === last.sha256;
}

/** What a manifest says of one file. */
export interface ManifestEntry {
  /** Hashes that it had or was to have, the latest last. */
  versions: { bytes: number; sha256: string }[];
  /** Was the latest version written to its end? */
  finished: boolean;
}

export interface Manifest {
  statement: RunStatement | undefined;
  files: Map<string, ManifestEntry>;
  /** Places of lines that are not what was written, from 1. */
  damagedLines: number[];
}

/** Reads a manifest. A torn last line is what a process that was killed leaves: it says nothing. */
export function readManifest(runDirectory: string): Manifest {
  const file = join(runDirectory, MANIFEST_FILE);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [''];
  // What follows the last newline is nothing, or torn.
  lines.pop();
  const manifest: Manifest = { statement: undefined, files: new Map(), damagedLines: [] };
  for (const [place, text] of lines.entries()) {
    const line = parseLine(text);
    if (line !== undefined && 'format' in line) manifest.statement ??= line;
    else if (line === undefined || !note(manifest.files, line)) manifest.damagedLines.push(place + 1);
  }
  return manifest;
}

function parseLine(text: string): ManifestLine | undefined {
  try {
    return manifestLineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON.
  }
}

/** @returns false for the end of a writing that never began */
function note(files: Manifest['files'], line: Exclude<ManifestLine, RunStatement>): boolean {
  if ('written' in line) {
    const entry = files.get(line.written);
    if (entry !== undefined) entry.finished = true;
    return entry !== undefined;
  }
  const { writing, bytes, sha256 } = line;
  const known = files.get(writing);
  if (known === undefined) files.set(writing, { versions: [{ bytes, sha256 }], finished: false });
  else {
    known.versions.push({ bytes, sha256 });
    known.finished = false;
  }
  return true;
}
