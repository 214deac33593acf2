import { inPlace } from '../errors.ts';
import { hashInputFile, readInputFile } from '../evidence/input-file.ts';
import type { LocalArtifact } from '../host/host.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { sha256 } from '../measure/sha.ts';
import { HARNESS_HINTS } from './hints.ts';

/** What a kernel or initrd may have at most; firmware has its own bound. */
const BOOT_FILE_BYTES_MAX = 2 * 1024 ** 3;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A firmware image under test, and what a digest needs of it. */
export interface FirmwareArtifact {
  file: LocalArtifact;
  descriptor: FirmwareDescriptor;
}

/** Files under test, each read once a process. */
export class Artifacts {
  readonly #files = new Map<string, Promise<LocalArtifact>>();
  readonly #firmware = new Map<string, Promise<FirmwareArtifact>>();

  /** @throws HarnessError FILE_UNREADABLE */
  file(name: string, path: string): Promise<LocalArtifact> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const made = hashInputFile({
      path,
      what: `artifact ${name}`,
      maxBytes: BOOT_FILE_BYTES_MAX,
      hint: HARNESS_HINTS.artifact,
    }).then((sha256) => ({ name, path, sha256: hex(sha256) }));
    this.#files.set(path, made);
    return made;
  }

  /** @throws HarnessError FILE_UNREADABLE, OVMF_* */
  firmware(name: string, path: string): Promise<FirmwareArtifact> {
    const known = this.#firmware.get(path);
    if (known !== undefined) return known;
    const made = readFirmware(name, path);
    this.#firmware.set(path, made);
    return made;
  }
}

async function readFirmware(name: string, path: string): Promise<FirmwareArtifact> {
  const image = await readInputFile({
    path,
    what: `firmware image ${name}`,
    maxBytes: FIRMWARE_BYTES_MAX,
    hint: HARNESS_HINTS.artifact,
  });
  try {
    const descriptor = describeFirmware(image);
    return { file: { name, path, sha256: descriptor.sha256 ?? hex(sha256(image)) }, descriptor };
  } catch (thrown) {
    throw inPlace(thrown, `firmware ${name}, ${path}`);
  }
}
