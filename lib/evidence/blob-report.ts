import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from './input-file.ts';

/** Places in a ZIP archive. Source: PKWARE APPNOTE 4.3.12 (central directory header), 4.3.16 (end of central directory). */
const END = { signature: 0x06054b50, sizeBytes: 22, directorySize: 12, directoryOffset: 16, maxCommentBytes: 0xffff };
const HEADER = {
  signature: 0x02014b50,
  sizeBytes: 46,
  unpackedSize: 24,
  nameLength: 28,
  extraLength: 30,
  commentLength: 32,
};
/** A blob report of 100,000 cells has names of some 8 MB. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** What all entries may have, unpacked: some 30 KB a cell. The runner refuses an entry that has more than it says. */
const MAX_UNPACKED_BYTES = 4 * 1024 ** 3;
/** What the runner's blob reporter writes: its events, and attachments named by their hash. */
const NAMES = /^(?:report(?:-[\w-]+)?\.jsonl|resources\/[\w-]+(?:\.[\w-]+)?)$/;

function refused(path: string, what: string): HarnessError {
  return new HarnessError({
    code: 'RECORDING_INVALID',
    what: `no blob report: ${what}`,
    where: path,
    hint: 'a part of a run leaves one with: snp-conform run --shard 1/2 --blob part-1.zip',
  });
}

function bytesAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
}

/** The central directory of an archive. */
function directoryOf(file: number, path: string): Buffer {
  const { size } = fstatSync(file);
  const tail = bytesAt(
    file,
    Math.max(0, size - END.sizeBytes - END.maxCommentBytes),
    END.sizeBytes + END.maxCommentBytes,
  );
  const end = tail.lastIndexOf(Buffer.from('PK\u0005\u0006', 'latin1'));
  if (end < 0 || end + END.sizeBytes > tail.length) throw refused(path, 'it is no whole ZIP archive');
  const length = tail.readUInt32LE(end + END.directorySize);
  if (length > MAX_DIRECTORY_BYTES) throw refused(path, `its directory has ${length} bytes`);
  const directory = bytesAt(file, tail.readUInt32LE(end + END.directoryOffset), length);
  if (directory.length < length) throw refused(path, 'its directory lies outside of the file');
  return directory;
}

/**
 * Checks that a file is an archive of nothing but what the runner's blob reporter writes: the runner unpacks every entry to
 * where its name says, wherever that is.
 * @throws HarnessError RECORDING_INVALID, FILE_UNREADABLE
 */
export function checkBlobReport(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: fileTrouble(cause), where: path, cause });
  }
  try {
    const directory = directoryOf(file, path);
    let unpacked = 0;
    for (let at = 0; at < directory.length; ) {
      const nameAt = at + HEADER.sizeBytes;
      if (nameAt > directory.length || directory.readUInt32LE(at) !== HEADER.signature) {
        throw refused(path, `its directory is damaged at byte ${at}`);
      }
      const nameEnd = nameAt + directory.readUInt16LE(at + HEADER.nameLength);
      if (nameEnd > directory.length) throw refused(path, `its directory is damaged at byte ${at}`);
      const name = directory.subarray(nameAt, nameEnd).toString('latin1');
      unpacked += directory.readUInt32LE(at + HEADER.unpackedSize);
      if (unpacked > MAX_UNPACKED_BYTES) throw refused(path, `unpacked it has more than ${MAX_UNPACKED_BYTES} bytes`);
      if (!NAMES.test(name)) throw refused(path, `it has an entry ${JSON.stringify(name.slice(0, 100))}`);
      at =
        nameEnd + directory.readUInt16LE(at + HEADER.extraLength) + directory.readUInt16LE(at + HEADER.commentLength);
    }
  } finally {
    closeSync(file);
  }
}
