import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { HarnessError } from '../errors.ts';

/** Errors of the file system that people meet, in words. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['ENOSPC', 'the disk is full'],
  ['EROFS', 'the file system is read-only'],
  ['EPERM', 'not permitted'],
  ['EISDIR', 'it is a directory'],
  ['EACCES', 'permission denied'],
  ['ENOTDIR', 'a part of its path is not a directory'],
]);

/** What the file system said, in words; the text of the error where it is none that people usually meet. */
export function fileTrouble(cause: unknown): string {
  const reason = REASONS.get((cause as NodeJS.ErrnoException).code);
  return reason ?? (cause instanceof Error ? cause.message : String(cause));
}

/** A file that a command reads. */
export interface InputFile {
  path: string;
  /** What it is, for messages: `firmware image`. */
  what: string;
  /** More than this is refused, also of a pipe or a device that has no size. */
  maxBytes: number;
  /** What to do where it cannot be read. */
  hint?: string;
}

/** Two of these fit the cache of a processor, so that what was read is hashed from there: four times the size takes a fifth longer. */
const CHUNK_BYTES = 512 << 10;

/** Reads a file chunk by chunk; the next one while the last is worked on. A chunk is good until the next is asked for. */
async function* chunksOfFile(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const;
  const readInto = (turn: 0 | 1) => file.read(buffers[turn], 0, CHUNK_BYTES, null);
  let turn: 0 | 1 = 0;
  let pending = readInto(turn);
  try {
    for (;;) {
      const { bytesRead } = await pending;
      if (bytesRead === 0) return;
      const chunk = buffers[turn].subarray(0, bytesRead);
      turn = turn === 0 ? 1 : 0;
      pending = readInto(turn);
      yield chunk;
    }
  } finally {
    // A read that nobody waits for any more still uses the file.
    await pending.catch(() => undefined);
    await file.close();
  }
}

/** Reads a file in chunks, no further than its bound. @throws HarnessError FILE_UNREADABLE */
async function* chunksOf({ path, what, maxBytes, hint }: InputFile): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of chunksOfFile(path)) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      yield chunk;
    }
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot read the ${what}: ${fileTrouble(cause)}`,
      where: path,
      hint,
      cause,
    });
  }
  if (bytes <= maxBytes) return;
  throw new HarnessError({
    code: 'FILE_UNREADABLE',
    what: `the ${what} is too large: expected at most ${maxBytes} bytes`,
    where: path,
    hint: `is it really a ${what}?`,
  });
}

/** The whole file. @throws HarnessError FILE_UNREADABLE, also where it is larger than its bound */
export async function readInputFile(file: InputFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(file)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The first bytes of a file, fewer where it has no more. @throws HarnessError FILE_UNREADABLE */
export async function readFileStart({ path, what, maxBytes, hint }: InputFile): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, null);
      return new Uint8Array(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (cause) {
    const trouble = `cannot read the ${what}: ${fileTrouble(cause)}`;
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: trouble, where: path, hint, cause });
  }
}

/** SHA-256 of a file that is never in memory as a whole. @returns 32 bytes   @throws HarnessError FILE_UNREADABLE */
export async function hashInputFile(file: InputFile): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(file)) hash.update(chunk);
  return hash.digest();
}
