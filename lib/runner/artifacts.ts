import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { HarnessError } from '../errors.ts';
import type { LocalArtifact } from '../host/host.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { HARNESS_HINTS } from './hints.ts';

/** SHA-256 of a file, 32 bytes, read as a stream. @throws HarnessError FILE_UNREADABLE */
export async function fileSha256(path: string, where: string): Promise<Uint8Array> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError({ code: 'FILE_UNREADABLE', what, where, hint: HARNESS_HINTS.artifact, cause });
  }
  return new Uint8Array(hash.digest());
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Files under test, each hashed once a process. */
export class Artifacts {
  readonly #files = new Map<string, Promise<LocalArtifact>>();
  readonly #firmware = new Map<string, Promise<FirmwareDescriptor>>();

  file(name: string, path: string): Promise<LocalArtifact> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const made = fileSha256(path, `artifact ${name}, ${path}`).then((sha256) => ({ name, path, sha256: hex(sha256) }));
    this.#files.set(path, made);
    return made;
  }

  /** @throws HarnessError FILE_UNREADABLE, OVMF_* */
  descriptor(artifact: LocalArtifact): Promise<FirmwareDescriptor> {
    const known = this.#firmware.get(artifact.path);
    if (known !== undefined) return known;
    const made = describeFile(artifact);
    this.#firmware.set(artifact.path, made);
    return made;
  }
}

async function describeFile(artifact: LocalArtifact): Promise<FirmwareDescriptor> {
  const { size } = await stat(artifact.path);
  if (size > FIRMWARE_BYTES_MAX) {
    throw new HarnessError({
      code: 'OVMF_SIZE',
      what: `${size} bytes, more than ${FIRMWARE_BYTES_MAX}`,
      where: `artifact ${artifact.name}, ${artifact.path}`,
    });
  }
  return describeFirmware(await readFile(artifact.path));
}
