import { HarnessError } from '../errors.ts';

/** One entry of an archive. Its owner is root, its time 0: an archive is its names, modes and contents, nothing else. */
export type ArchiveEntry =
  | { kind: 'folder'; path: string }
  | { kind: 'file'; path: string; executable: boolean; content: Uint8Array }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'character-device'; path: string; major: number; minor: number };

/** Type bits and permissions. Source: Linux include/uapi/linux/stat.h. */
const FOLDER = 0o040755;
const FILE = 0o100644;
const PROGRAM = 0o100755;
const LINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
/** The kernel reads a name of up to this many bytes. Source: Linux init/initramfs.c, PATH_MAX. */
const MAX_NAME_BYTES = 4095;
const MAX_CONTENT_BYTES = 0xffff_ffff;
/** GNU cpio's block; the kernel wants multiples of 4. */
const BLOCK = 512;
/** A path from the root of the archive: no empty part, no `.` or `..`, nothing but visible ASCII. */
const PATH = /^(?!\.{1,2}(?:\/|$))[\x21-\x2e\x30-\x7e]+(?:\/(?!\.{1,2}(?:\/|$))[\x21-\x2e\x30-\x7e]+)*$/;

interface Header {
  inode: number;
  mode: number;
  links: number;
  fileSize: number;
  deviceMajor: number;
  deviceMinor: number;
}

function padding(bytes: number, unit: number): Uint8Array {
  return new Uint8Array((unit - (bytes % unit)) % unit);
}

/** Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst, "newc". */
function record(name: string, header: Header, content: Uint8Array): Uint8Array[] {
  const nameBytes = Buffer.from(`${name}\0`, 'latin1');
  const fields = [
    header.inode,
    header.mode,
    0, // uid
    0, // gid
    header.links,
    0, // mtime
    header.fileSize,
    0, // major and minor number of the device that the file is on
    0,
    header.deviceMajor,
    header.deviceMinor,
    nameBytes.length,
    0, // checksum, which only "crc" archives have
  ];
  const head = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''), 'latin1');
  return [head, nameBytes, padding(head.length + nameBytes.length, 4), content, padding(content.length, 4)];
}

function headerOf(entry: ArchiveEntry, inode: number): { header: Header; content: Uint8Array } {
  const device = entry.kind === 'character-device' ? entry : { major: 0, minor: 0 };
  const content =
    entry.kind === 'file'
      ? entry.content
      : entry.kind === 'link'
        ? Buffer.from(entry.target, 'latin1')
        : new Uint8Array();
  const mode = {
    folder: FOLDER,
    file: entry.kind === 'file' && entry.executable ? PROGRAM : FILE,
    link: LINK,
    'character-device': CHARACTER_DEVICE,
  }[entry.kind];
  return {
    header: {
      inode,
      mode,
      links: entry.kind === 'folder' ? 2 : 1,
      fileSize: content.length,
      deviceMajor: device.major,
      deviceMinor: device.minor,
    },
    content,
  };
}

function refuse(what: string): HarnessError {
  return new HarnessError({ code: 'INITRD_INVALID', what, where: 'the archive of the initrd' });
}

function checkEntries(entries: readonly ArchiveEntry[]): void {
  const folders = new Set(entries.filter(({ kind }) => kind === 'folder').map(({ path }) => path));
  const seen = new Set<string>();
  for (const entry of entries) {
    const { path } = entry;
    if (!PATH.test(path) || path.length >= MAX_NAME_BYTES) throw refuse(`${JSON.stringify(path)} is no path`);
    if (seen.has(path)) throw refuse(`two entries have the path ${path}`);
    seen.add(path);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '' && !folders.has(parent)) throw refuse(`${path} is in no folder of the archive`);
    if (entry.kind === 'file' && entry.content.length > MAX_CONTENT_BYTES) throw refuse(`${path} is larger than 4 GiB`);
  }
}

/**
 * Writes a cpio archive of the "newc" form, which the kernel unpacks as an initramfs. The same entries in whatever order
 * give the same bytes: it is measured.
 * @param entries every folder that a path names is among them
 * @throws HarnessError INITRD_INVALID for a path that is none, is there twice, or is in no folder of the archive
 * Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst
 */
export function writeNewc(entries: readonly ArchiveEntry[]): Uint8Array {
  checkEntries(entries);
  const byPath = (left: ArchiveEntry, right: ArchiveEntry): number => (left.path < right.path ? -1 : 1);
  const sorted = entries.toSorted(byPath);
  const parts = sorted.flatMap((entry, index) => {
    const { header, content } = headerOf(entry, index + 1);
    return record(entry.path, header, content);
  });
  const end = { inode: 0, mode: 0, links: 1, fileSize: 0, deviceMajor: 0, deviceMinor: 0 };
  parts.push(...record(TRAILER, end, new Uint8Array()));
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([...parts, padding(bytes, BLOCK)]);
}
