import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from './input-file.ts';

/**
 * Places in a ZIP archive. Source: PKWARE APPNOTE 4.3.7 (local file header), 4.3.12 (central directory header), 4.3.16 (end of
 * central directory).
 */
const END = {
  sizeBytes: 22,
  disk: 4,
  entries: 10,
  directorySize: 12,
  directoryOffset: 16,
  commentLength: 20,
  maxCommentBytes: 0xffff,
};
const LOCAL = { signature: 0x04034b50, sizeBytes: 30, nameLength: 26, extraLength: 28 };
const HEADER = {
  signature: 0x02014b50,
  sizeBytes: 46,
  flags: 8,
  method: 10,
  crc32: 16,
  packedSize: 20,
  unpackedSize: 24,
  nameLength: 28,
  extraLength: 30,
  commentLength: 32,
  offset: 42,
};
/** The number of entries where it does not fit its field. */
const MANY_ENTRIES = 0xffff;
const METHODS = { stored: 0, deflated: 8 };
const ENCRYPTED = 1;
/** A blob report of 100,000 cells has names of some 8 MB. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** What all entries may have, unpacked: some 30 KB a cell. The runner refuses an entry that has more than it says. */
const MAX_UNPACKED_BYTES = 4 * 1024 ** 3;
/** What the runner's blob reporter writes: its events, and attachments named by their hash. */
const NAMES = /^(?:report(?:-[\w-]+)?\.jsonl|resources\/[\w-]+(?:\.[\w-]+)?)$/;

const HINT = 'a part of a run leaves one with: snp-conform run --shard 1/2 --blob FILE';

function refused(path: string, what: string, hint = HINT): HarnessError {
  return new HarnessError({
    code: 'RECORDING_INVALID',
    what: `no blob report: ${what}`,
    where: path,
    hint,
  });
}

function bytesAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
}

/** The central directory of an archive, and how many entries it must have. */
function directoryOf(file: number, path: string): { directory: Buffer; entries: number } {
  const { size } = fstatSync(file);
  const tail = bytesAt(
    file,
    Math.max(0, size - END.sizeBytes - END.maxCommentBytes),
    END.sizeBytes + END.maxCommentBytes,
  );
  const end = tail.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
  if (end < 0 || end + END.sizeBytes > tail.length) throw refused(path, 'it is no whole ZIP archive');
  const comment = tail.length - end - END.sizeBytes;
  if (tail.readUInt32LE(end + END.disk) !== 0 || tail.readUInt16LE(end + END.commentLength) !== comment) {
    throw refused(path, 'its end is damaged');
  }
  const length = tail.readUInt32LE(end + END.directorySize);
  if (length > MAX_DIRECTORY_BYTES) throw refused(path, `its directory has ${length} bytes`);
  const directory = bytesAt(file, tail.readUInt32LE(end + END.directoryOffset), length);
  if (directory.length < length) throw refused(path, 'its directory lies outside of the file');
  return { directory, entries: tail.readUInt16LE(end + END.entries) };
}

/** What the directory says of an entry. */
interface Entry {
  name: string;
  flags: number;
  method: number;
  crc32: number;
  packedBytes: number;
  unpackedBytes: number;
  offset: number;
}

/** The entries of an archive, in the order of its directory. @throws HarnessError RECORDING_INVALID */
function entriesOf(file: number, path: string): Entry[] {
  const { directory, entries: expected } = directoryOf(file, path);
  const entries: Entry[] = [];
  for (let at = 0; at < directory.length; ) {
    const nameAt = at + HEADER.sizeBytes;
    if (nameAt > directory.length || directory.readUInt32LE(at) !== HEADER.signature) {
      throw refused(path, `its directory is damaged at byte ${at}`);
    }
    const nameEnd = nameAt + directory.readUInt16LE(at + HEADER.nameLength);
    if (nameEnd > directory.length) throw refused(path, `its directory is damaged at byte ${at}`);
    entries.push({
      name: directory.subarray(nameAt, nameEnd).toString('latin1'),
      flags: directory.readUInt16LE(at + HEADER.flags),
      method: directory.readUInt16LE(at + HEADER.method),
      crc32: directory.readUInt32LE(at + HEADER.crc32),
      packedBytes: directory.readUInt32LE(at + HEADER.packedSize),
      unpackedBytes: directory.readUInt32LE(at + HEADER.unpackedSize),
      offset: directory.readUInt32LE(at + HEADER.offset),
    });
    at = nameEnd + directory.readUInt16LE(at + HEADER.extraLength) + directory.readUInt16LE(at + HEADER.commentLength);
    if (at > directory.length) throw refused(path, 'its directory is cut off');
  }
  if (expected !== MANY_ENTRIES && entries.length !== expected) {
    throw refused(path, `its directory has ${entries.length} entries in place of ${expected}`);
  }
  return entries;
}

/** Where the content of an entry is. @returns undefined where that is not in the file, or no entry of its name is there */
function contentOf(file: number, { name, offset, packedBytes }: Entry): { start: number; end: number } | undefined {
  const header = bytesAt(file, offset, LOCAL.sizeBytes);
  if (header.length < LOCAL.sizeBytes || header.readUInt32LE(0) !== LOCAL.signature) return undefined;
  const nameAt = offset + LOCAL.sizeBytes;
  const nameBytes = header.readUInt16LE(LOCAL.nameLength);
  if (bytesAt(file, nameAt, nameBytes).toString('latin1') !== name) return undefined;
  const start = nameAt + nameBytes + header.readUInt16LE(LOCAL.extraLength);
  const end = start + packedBytes;
  return end > fstatSync(file).size ? undefined : { start, end };
}

/** Is the content of an entry what was packed? It is unpacked as it is read, and not kept. */
async function isWhole(file: number, entry: Entry): Promise<boolean> {
  const content = contentOf(file, entry);
  const isKnown = entry.method === METHODS.stored || entry.method === METHODS.deflated;
  if (content === undefined || !isKnown || (entry.flags & ENCRYPTED) !== 0) return false;
  if (content.start === content.end) return entry.unpackedBytes === 0 && entry.crc32 === 0;
  const packed = createReadStream('', { fd: file, autoClose: false, start: content.start, end: content.end - 1 });
  const unpack = entry.method === METHODS.deflated ? createInflateRaw() : null;
  let [bytes, sum] = [0, 0];
  try {
    await pipeline(packed, unpack ?? new PassThrough(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        // It would unpack to more than it says, and to how much nobody knows.
        if (bytes > entry.unpackedBytes) return;
        sum = crc32(chunk, sum);
      }
    });
  } catch {
    return false; // What zlib says of damaged bytes says nothing more.
  }
  // What follows the end of a stream is not looked at.
  const hasRest = unpack !== null && unpack.bytesWritten !== entry.packedBytes;
  return !hasRest && bytes === entry.unpackedBytes && sum === entry.crc32;
}

/**
 * Checks that a file is an archive of nothing but what the runner's blob reporter writes: the runner unpacks every entry to
 * where its name says, wherever that is. Then that the content of every entry is what was packed.
 * @throws HarnessError RECORDING_INVALID, FILE_UNREADABLE
 */
export async function checkBlobReport(path: string): Promise<void> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: fileTrouble(cause), where: path, cause });
  }
  try {
    const entries = entriesOf(file, path);
    let unpacked = 0;
    for (const { name, unpackedBytes } of entries) {
      unpacked += unpackedBytes;
      if (unpacked > MAX_UNPACKED_BYTES) throw refused(path, `unpacked it has more than ${MAX_UNPACKED_BYTES} bytes`);
      if (!NAMES.test(name)) throw refused(path, `it has an entry ${JSON.stringify(name.slice(0, 100))}`);
    }
    for (const entry of entries) {
      if (!(await isWhole(file, entry)))
        throw refused(path, `its entry ${entry.name} is damaged`, 'fetch it again from the job that left it');
    }
  } finally {
    closeSync(file);
  }
}
