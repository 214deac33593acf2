import { createHash } from 'node:crypto';
import { constants, readSync, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
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

/** As much fits the cache of a processor, so that what was read is hashed from there: four times the size takes a fifth longer. */
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

function tooLarge({ path, what, maxBytes }: InputFile): HarnessError {
  return new HarnessError({
    code: 'FILE_UNREADABLE',
    what: `the ${what} is too large: expected at most ${maxBytes} bytes`,
    where: path,
    hint: `is it really a ${what}?`,
  });
}

/** Reads on from where the last read ended. @returns how many bytes; 0 at the end */
type ReadOn = (into: Uint8Array) => Promise<number>;

/**
 * A regular file is read in this thread: what the system has in memory is copied ten times sooner than another thread is
 * woken for it. Between two reads whatever else waits has its turn.
 */
function readerOf(file: FileHandle, stat: Stats): ReadOn {
  if (!stat.isFile()) return async (into) => (await file.read(into, 0, into.length, null)).bytesRead;
  return async (into) => {
    await setImmediate();
    return readSync(file.fd, into);
  };
}

/** Opens a file for one use of it. @throws HarnessError FILE_UNREADABLE */
async function withFile<T>(input: InputFile, use: (readOn: ReadOn, sizeBytes: number) => Promise<T>): Promise<T> {
  try {
    const file = await openToRead(input);
    try {
      const stat = await file.stat();
      return await use(readerOf(file, stat), stat.size);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw cause instanceof HarnessError ? cause : unreadable(input, cause);
  }
}

/** A buffer of a size with the same bytes at its start. */
function grown(bytes: Uint8Array, size: number): Uint8Array {
  const larger = Buffer.allocUnsafe(size);
  larger.set(bytes);
  return larger;
}

/** The whole file. @throws HarnessError FILE_UNREADABLE, also where it is larger than its bound */
export async function readInputFile(input: InputFile): Promise<Uint8Array> {
  const { maxBytes } = input;
  return withFile(input, async (readOn, sizeBytes) => {
    // One more than there should be, to see that there is no more; a pipe has no size, nor has a file of /proc.
    let contents: Uint8Array = Buffer.allocUnsafe(Math.min(sizeBytes, maxBytes) + 1);
    for (let bytes = 0; ; ) {
      const bytesRead = await readOn(contents.subarray(bytes));
      if (bytesRead === 0) return contents.subarray(0, bytes);
      bytes += bytesRead;
      if (bytes > maxBytes) throw tooLarge(input);
      if (bytes === contents.length) contents = grown(contents, Math.min(2 * bytes + CHUNK_BYTES, maxBytes + 1));
    }
  });
}

/** The first bytes of a file, fewer where it has no more. @throws HarnessError FILE_UNREADABLE */
export async function readFileStart(input: InputFile): Promise<Uint8Array> {
  return withFile(input, async (readOn) => {
    const start = Buffer.alloc(input.maxBytes);
    return start.subarray(0, await readOn(start));
  });
}

/** SHA-256 of a file that is never in memory as a whole. @returns 32 bytes   @throws HarnessError FILE_UNREADABLE */
export async function hashInputFile(input: InputFile): Promise<Uint8Array> {
  return withFile(input, async (readOn) => {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let bytes = 0; ; ) {
      const bytesRead = await readOn(chunk);
      if (bytesRead === 0) return hash.digest();
      bytes += bytesRead;
      if (bytes > input.maxBytes) throw tooLarge(input);
      hash.update(chunk.subarray(0, bytesRead));
    }
  });
}
