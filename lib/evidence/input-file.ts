import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
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
  ['ELOOP', 'its symbolic links lead in a circle'],
  ['ENAMETOOLONG', 'its path is too long'],
  ['EEXIST', 'there is something else of that name'],
  ['EIO', 'the device reports an error'],
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
  /** How long is waited for somebody to write to it where it is a named pipe; absent: 10 seconds. */
  pipeMs?: number;
}

/** Two of these fit the cache of a processor, so that what was read is hashed from there: four times the size takes a fifth longer. */
const CHUNK_BYTES = 512 << 10;

function unreadable({ path, what, hint }: InputFile, cause: unknown): HarnessError {
  const trouble = `cannot read the ${what}: ${fileTrouble(cause)}`;
  return new HarnessError({ code: 'FILE_UNREADABLE', what: trouble, where: path || undefined, hint, cause });
}

/** So long is waited for somebody to write to a named pipe. */
const PIPE_MS = 10_000;

/**
 * Opens a file to read. A named pipe that nobody opens to write holds up a thread for ever, and with it the end of the
 * process: after a while its other end is opened here, which lets the thread go.
 */
async function openToRead({ path, pipeMs = PIPE_MS }: InputFile): Promise<FileHandle> {
  if (path === '') throw new Error('its path is empty');
  const found = await stat(path).catch(() => undefined);
  const opening = open(path, 'r');
  if (found === undefined || !found.isFIFO()) return opening;
  const isOpen = await Promise.race([opening.then(() => true), setTimeout(pipeMs, false, { ref: false })]);
  if (isOpen) return opening;
  await (await open(path, constants.O_WRONLY | constants.O_NONBLOCK)).close();
  await (await opening).close();
  throw new Error(`it is a pipe to which nobody wrote for ${pipeMs} ms`);
}

/** Reads a file chunk by chunk; the next one while the last is worked on. A chunk is good until the next is asked for. */
async function* chunksOfFile(input: InputFile): AsyncGenerator<Uint8Array> {
  const file = await openToRead(input);
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
async function* chunksOf(file: InputFile): AsyncGenerator<Uint8Array> {
  const { path, what, maxBytes } = file;
  let bytes = 0;
  try {
    for await (const chunk of chunksOfFile(file)) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      yield chunk;
    }
  } catch (cause) {
    throw unreadable(file, cause);
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
export async function readFileStart(input: InputFile): Promise<Uint8Array> {
  const { maxBytes } = input;
  try {
    const file = await openToRead(input);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, null);
      return new Uint8Array(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(input, cause);
  }
}

/** SHA-256 of a file that is never in memory as a whole. @returns 32 bytes   @throws HarnessError FILE_UNREADABLE */
export async function hashInputFile(file: InputFile): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(file)) hash.update(chunk);
  return hash.digest();
}
