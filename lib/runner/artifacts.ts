import { inPlace } from '../errors.ts';
import { hashInputFile, type InputFile, readInputFile } from '../evidence/input-file.ts';
import type { LocalArtifact } from '../host/host.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX, measureFirmware } from '../measure/firmware.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { HARNESS_HINTS } from './hints.ts';

/** What a kernel or initrd may have at most; firmware has its own bound. */
const BOOT_FILE_BYTES_MAX = 2 * 1024 ** 3;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A kernel or initrd as a file to read. */
export function bootFile(name: string, path: string): InputFile {
  return { path, what: `artifact ${name}`, maxBytes: BOOT_FILE_BYTES_MAX, hint: HARNESS_HINTS.artifact };
}

/** A firmware image under test, and what a digest needs of it. */
export interface FirmwareArtifact {
  file: LocalArtifact;
  descriptor: FirmwareDescriptor;
}

/** Files under test, each read once a process. */
export class Artifacts {
  readonly #files = new Map<string, Promise<LocalArtifact>>();
  readonly #firmware = new Map<string, Promise<FirmwareArtifact>>();
  readonly #measured = new Map<string, Promise<FirmwareDescriptor>>();

  /** @throws HarnessError FILE_UNREADABLE */
  file(name: string, path: string): Promise<LocalArtifact> {
    return once(this.#files, path, async () => {
      return { name, path, sha256: hex(await hashInputFile(bootFile(name, path))) };
    });
  }

  /** @throws HarnessError FILE_UNREADABLE, OVMF_* */
  firmware(name: string, path: string): Promise<FirmwareArtifact> {
    return once(this.#firmware, path, async () => {
      const descriptor = await readFirmware(name, path, describeFirmware);
      return { file: { name, path, sha256: descriptor.sha256 }, descriptor };
    });
  }

  /** What a digest needs of a firmware image, without the hash of the file. @throws HarnessError as `firmware` */
  measuredFirmware(name: string, path: string): Promise<FirmwareDescriptor> {
    return once(this.#measured, path, () => readFirmware(name, path, measureFirmware));
  }
}

/** The value of a key, made where it is not there yet. */
function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

async function readFirmware<T>(name: string, path: string, describe: (image: Uint8Array) => T): Promise<T> {
  const image = await readInputFile({
    path,
    what: `firmware image ${name}`,
    maxBytes: FIRMWARE_BYTES_MAX,
    hint: HARNESS_HINTS.artifact,
  });
  try {
    return describe(image);
  } catch (thrown) {
    throw inPlace(thrown, `firmware ${name}, ${path}`);
  }
}
