import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import { askQemu } from '../host/preflight/gather.ts';
import type { Session } from '../host/session.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import {
  BOOT_FOLDER,
  byUsefulness,
  FIRMWARE_FOLDERS,
  type Found,
  type FoundFirmware,
  type FoundKernel,
  type FoundQemu,
  hashesIn,
  initrdNames,
  MODULES_FOLDER,
  newestFirst,
  pathsIn,
  QEMU_FIRMWARE_UNIT,
  QEMU_FOLDERS,
  QEMU_NAMES,
} from './found.ts';

/** So many files of one kind are looked at; a host with more has a place for them that its owner can name. */
const FILES_MAX = 32;
const LIST_BYTES_MAX = 1024 * 1024;
const LOOK_MS = 60_000;
/** 32 images, or kernels, of a slow disk. */
const HASH_MS = 300_000;

/** Files that somebody named, in place of those that would be looked for. */
export interface Named {
  readonly firmware?: readonly string[];
  readonly kernels?: readonly string[];
  readonly qemu?: readonly string[];
  /** Folders beside the usual ones. */
  readonly firmwareFolders?: readonly string[];
}

interface Listed {
  readonly paths: string[];
  readonly leftOut: string[];
}

/** The first files of a list, and words about the others. */
function bounded(paths: readonly string[], what: string): Listed {
  const more = paths.length - FILES_MAX;
  const leftOut = more > 0 ? [`${more} more ${what}: only ${FILES_MAX} are looked at; name those that you mean`] : [];
  return { paths: paths.slice(0, FILES_MAX), leftOut };
}

/** find(1) on the host. Folders that are not there are no trouble. @throws HarnessError SSH_*, HOST_* */
async function find(session: Session, folders: readonly string[], tests: readonly string[]): Promise<string[]> {
  const argv = ['find', '-L', ...folders, ...tests, '-print'];
  const done = await session.run(argv, { timeoutMs: LOOK_MS, maxOutputBytes: LIST_BYTES_MAX });
  if (done.exitCode !== 126 && done.exitCode !== 127) return [...new Set(pathsIn(done.stdout))];
  throw new HarnessError({
    code: 'HOST_PROGRAMS',
    what: 'find cannot be run there',
    where: `host ${session.name}`,
    hint: 'install findutils on the host, or name the files with --ovmf, --kernel and --qemu',
  });
}

async function hashes(session: Session, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (paths.length === 0) return new Map();
  const done = await session.run(['sha256sum', '--', ...paths], { timeoutMs: HASH_MS });
  return hashesIn(done.stdout);
}

/** Files of different content, each under the first of its paths; and those that this user may not read. */
function distinct(
  paths: readonly string[],
  hash: ReadonlyMap<string, string>,
): { kept: [string, string][]; leftOut: string[] } {
  const seen = new Set<string>();
  const kept: [string, string][] = [];
  const leftOut: string[] = [];
  for (const path of paths) {
    const sha256 = hash.get(path);
    if (sha256 === undefined) leftOut.push(`${path}: not there, or not readable for this user`);
    else if (!seen.has(sha256)) {
      seen.add(sha256);
      kept.push([path, sha256]);
    }
  }
  return { kept, leftOut };
}

/** Says what QEMU and a prediction need of an image, from its bytes. */
export function firmwareOf(path: string, sha256: string, image: Uint8Array): FoundFirmware {
  const found = (unusable: string | null, holdsKernelHashes: boolean): FoundFirmware => ({
    ...{ kind: 'firmware', path, sha256 },
    unusable,
    holdsKernelHashes,
  });
  try {
    const { hashesTable } = describeFirmware(image);
    const whole = image.length % QEMU_FIRMWARE_UNIT === 0;
    return found(whole ? null : 'a part of an image: QEMU takes multiples of 64 KiB', hashesTable !== null);
  } catch (thrown) {
    if (!(thrown instanceof HarnessError)) throw thrown;
    return found(thrown.what, false);
  }
}

/** Looks for firmware images, and reads the metadata of each. */
async function findFirmware(session: Session, { firmware, firmwareFolders = [] }: Named) {
  const folders = [...firmwareFolders, ...FIRMWARE_FOLDERS];
  // Variable stores are no images; the size is that of an image at most.
  const tests = ['-maxdepth', '2', '-type', 'f', '-name', '*.fd', '!', '-iname', '*vars*', '-size', '-65M'];
  const listed = bounded(firmware ?? (await find(session, folders, tests)).sort(byUsefulness), 'firmware images');
  const { kept, leftOut } = distinct(listed.paths, await hashes(session, listed.paths));
  const found: FoundFirmware[] = [];
  // One after the other: a slow link carries one image at a time.
  for (const [path, sha256] of kept) {
    const image = await session.readFile(path, FIRMWARE_BYTES_MAX);
    if (image !== undefined) found.push(firmwareOf(path, sha256, image));
  }
  return { found, leftOut: [...listed.leftOut, ...leftOut] };
}

async function findKernels(session: Session, { kernels }: Named) {
  const images = ['-maxdepth', '1', '-type', 'f', '-name', 'vmlinuz-*'];
  const found = kernels ?? (await find(session, [BOOT_FOLDER], images)).sort(newestFirst);
  const listed = bounded(found, 'kernels');
  const { kept, leftOut } = distinct(listed.paths, await hashes(session, listed.paths));
  const releases = kept.map(([path]) => posix.basename(path).replace(/^vmlinuz-/, ''));
  const beside = kept.flatMap(([path], index) =>
    initrdNames(releases[index] ?? '').map((name) => posix.join(posix.dirname(path), name)),
  );
  const modules = releases.map((release) => `${MODULES_FOLDER}/${release}`);
  const there = new Set(kept.length === 0 ? [] : await find(session, [...beside, ...modules], ['-maxdepth', '0']));
  const rows = kept.map(([path, sha256], index): FoundKernel => {
    const release = releases[index] ?? '';
    const initrd = initrdNames(release)
      .map((name) => posix.join(posix.dirname(path), name))
      .find((name) => there.has(name));
    const folder = `${MODULES_FOLDER}/${release}`;
    return {
      kind: 'kernel',
      path,
      sha256,
      release,
      initrd: initrd ?? null,
      modules: there.has(folder) ? folder : null,
    };
  });
  return { found: rows, leftOut: [...listed.leftOut, ...leftOut] };
}

async function findQemu(session: Session, { qemu }: Named) {
  const names = QEMU_NAMES.flatMap((name, index) => (index === 0 ? ['-name', name] : ['-o', '-name', name]));
  const tests = ['-maxdepth', '4', '-type', 'f', '(', ...names, ')', '-perm', '/111'];
  const listed = bounded(qemu ?? (await find(session, QEMU_FOLDERS, tests)), 'QEMU builds');
  const { kept, leftOut } = distinct(listed.paths, await hashes(session, listed.paths));
  const found = kept.map(async ([path]): Promise<FoundQemu> => {
    const { version, trouble, snpOptions } = await askQemu(session, path);
    const tooOld = `${version ?? 'it'} has no sev-snp-guest object: QEMU 9.1 or later is needed`;
    const unusable = version === null ? (trouble ?? 'it could not be asked') : snpOptions === null ? tooOld : null;
    return { kind: 'qemu', path, version, unusable };
  });
  return { found: await Promise.all(found), leftOut: [...listed.leftOut, ...leftOut] };
}

/**
 * Looks on a host for what a matrix is made of: firmware images, kernels with their initrds and modules, QEMU builds.
 * Nothing is changed there; counts and sizes are bounded.
 * @param named files that are looked at in place of those that would be looked for
 * @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND, HOST_PROGRAMS
 */
export async function findOnHost(session: Session, named: Named = {}): Promise<Found> {
  const [firmware, kernels, qemu] = await Promise.all([
    findFirmware(session, named),
    findKernels(session, named),
    findQemu(session, named),
  ]);
  return {
    firmware: firmware.found,
    kernels: kernels.found,
    qemu: qemu.found,
    leftOut: [...firmware.leftOut, ...kernels.leftOut, ...qemu.leftOut],
  };
}
