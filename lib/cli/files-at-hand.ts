import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { guidBytes } from '../abi/guid.ts';
import { OVMF_FOOTER_FROM_END, OVMF_GUIDS } from '../abi/ovmf.ts';
import { HarnessError } from '../errors.ts';
import { fileTrouble, hashInputFile, readInputFile } from '../evidence/input-file.ts';
import type { FileAtHand, FirmwareAtHand } from '../explain/launch-state.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';

/** Files that the host may have used in place of those that were given. */
export interface FilesAtHand {
  firmwares: FirmwareAtHand[];
  /** Every other file: it may be a kernel as well as an initrd. */
  others: FileAtHand[];
  /** What was passed over, in words. */
  notes: string[];
}

/** How much of folders that nobody named is looked at: beside a kernel may lie anything. */
const NEIGHBOURS = { files: 40, bytes: 256 * 1024 ** 2, depth: 0 } as const;
/** How much of a folder that was named. */
const NAMED = { files: 400, bytes: 8 * 1024 ** 3, depth: 3 } as const;
type Bounds = typeof NEIGHBOURS | typeof NAMED;

const FOOTER = guidBytes(OVMF_GUIDS.footer);
/** Sizes of OVMF_VARS, which stands before OVMF_CODE in OVMF.fd. Source: edk2, OvmfPkg/Include/Fdf/OvmfPkgDefines.fdf.inc. */
const VARS_BYTES = [0x20000, 0x84000] as const;

async function filesIn(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth > 0) found.push(...(await filesIn(path, depth - 1)));
    } else found.push(path);
  }
  return found;
}

/** Does a file end as an OVMF image does? Told by its last bytes, so that no large file is read for it. */
async function looksLikeFirmware(path: string, bytes: number): Promise<boolean> {
  const tail = OVMF_FOOTER_FROM_END + FOOTER.length;
  if (bytes < 4096 || bytes > FIRMWARE_BYTES_MAX) return false;
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(tail), 0, tail, bytes - tail);
    return buffer.subarray(0, FOOTER.length).equals(FOOTER);
  } finally {
    await file.close();
  }
}

function described(name: string, image: Uint8Array, origin: FirmwareAtHand['origin']): FirmwareAtHand[] {
  try {
    return [{ name, descriptor: describeFirmware(image), origin }];
  } catch (error) {
    // What cannot launch a guest cannot have been launched.
    if (error instanceof HarnessError) return [];
    throw error;
  }
}

/** The code part of an image that has its variables in front: what is measured where it is given as pflash. */
export function withoutVariables(name: string, image: Uint8Array): FirmwareAtHand[] {
  return VARS_BYTES.filter((bytes) => image.length > bytes).flatMap((bytes) =>
    described(`${name} without its first 0x${bytes.toString(16)} bytes`, image.subarray(bytes), 'variables-cut-off'),
  );
}

/** Reads and sorts what lies in a folder. */
class Gathering {
  readonly found: FilesAtHand = { firmwares: [], others: [], notes: [] };
  readonly #seen = new Set<string>();

  /** Takes no notice of a file that was given as an input. */
  skip(path: string): void {
    this.#seen.add(resolve(path));
  }

  async #take(path: string, bytes: number): Promise<void> {
    if (await looksLikeFirmware(path, bytes)) {
      const image = await readInputFile({ path, what: 'firmware image', maxBytes: FIRMWARE_BYTES_MAX });
      this.found.firmwares.push(...described(path, image, 'at-hand'));
      return;
    }
    const sha256 = await hashInputFile({ path, what: 'file', maxBytes: NAMED.bytes });
    this.found.others.push({ name: path, sha256, origin: 'at-hand' });
  }

  async folder(folder: string, bounds: Bounds): Promise<void> {
    let [files, total] = [0, 0];
    for (const path of await filesIn(folder, bounds.depth)) {
      if (this.#seen.has(resolve(path))) continue;
      try {
        const status = await stat(path);
        const { size } = status;
        if (!status.isFile()) this.found.notes.push(`not looked at, no regular file: ${path}`);
        if (!status.isFile() || size === 0) continue;
        if (files >= bounds.files || total + size > bounds.bytes) {
          this.found.notes.push(`not looked at, too much for its folder: ${path}`);
          continue;
        }
        this.#seen.add(resolve(path));
        files += 1;
        total += size;
        await this.#take(path, size);
      } catch (error) {
        this.found.notes.push(`not looked at: ${path}: ${fileTrouble(error)}`);
      }
    }
  }
}

/**
 * Gathers the files that may stand in place of the given ones: those beside them, and those in folders that are named.
 * @param given paths of the inputs   @param folders of --artifacts, and stores of hosts, looked through three deep
 * @throws HarnessError FILE_UNREADABLE for a folder that was named and cannot be read
 */
export async function gatherFiles(given: readonly string[], folders: readonly string[]): Promise<FilesAtHand> {
  const gathering = new Gathering();
  for (const path of given) gathering.skip(path);
  for (const folder of folders) {
    try {
      await gathering.folder(folder, NAMED);
    } catch (cause) {
      throw new HarnessError({
        code: 'FILE_UNREADABLE',
        what: `cannot read the folder of artifacts: ${fileTrouble(cause)}`,
        where: folder,
        cause,
      });
    }
  }
  const neighbours = new Set(given.filter((path) => path !== '-').map((path) => dirname(resolve(path))));
  for (const folder of neighbours) {
    try {
      await gathering.folder(folder, NEIGHBOURS);
    } catch (error) {
      gathering.found.notes.push(`not looked at: ${folder}: ${fileTrouble(error)}`);
    }
  }
  return gathering.found;
}
