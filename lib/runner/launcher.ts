import { randomBytes } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import type { Host, LaunchIdentity, LaunchRequest, LocalArtifact } from '../host/host.ts';
import { buildIdAuth } from '../identity/id-auth.ts';
import { buildIdBlock } from '../identity/id-block.ts';
import { generateKeys, type OwnerKeys } from '../identity/keys.ts';
import type { Cell } from '../matrix/cell.ts';
import type { GuestChannel } from '../matrix/guest-channel.ts';
import type { Matrix } from '../matrix/matrix-file.ts';
import { Artifacts, type FirmwareArtifact } from './artifacts.ts';
import type { PredictedEvidence } from './outcome.ts';
import { artifactPath } from './plan.ts';
import { measuredArtifacts, predictCell } from './predict-cell.ts';
import type { Reference } from './reference.ts';

/** Source: QEMU hw/i386/x86-common.c, x86_bios_rom_init. */
const QEMU_FIRMWARE_UNIT = 64 * 1024;

type CellArtifacts = Pick<LaunchRequest, 'firmware' | 'firmwareDescriptor' | 'kernel' | 'initrd'>;

/** The files of a matrix's cells, found and hashed once a process. */
export class MatrixArtifacts {
  readonly #matrix: Matrix;
  readonly #matrixFile: string;
  readonly #cacheFolder: string;
  readonly #artifacts = new Artifacts();

  constructor(matrix: Matrix, matrixFile: string, cacheFolder: string) {
    this.#matrix = matrix;
    this.#matrixFile = matrixFile;
    this.#cacheFolder = cacheFolder;
  }

  /** The path of an artifact; null where none has that name. */
  #path(kind: 'firmware' | 'kernel' | 'initrd', name: string | null): string | null {
    const path = name === null ? undefined : this.#matrix.artifacts[kind][name]?.path;
    return path === undefined ? null : artifactPath(path, this.#matrixFile, this.#cacheFolder);
  }

  async #file(kind: 'kernel' | 'initrd', name: string | null): Promise<LocalArtifact | null> {
    const path = this.#path(kind, name);
    return name === null || path === null ? null : this.#artifacts.file(name, path);
  }

  async #firmware(name: string): Promise<FirmwareArtifact> {
    const path = this.#path('firmware', name);
    if (path !== null) return this.#artifacts.firmware(name, path);
    throw new HarnessError({ code: 'MATRIX_INVALID', what: `no firmware named ${name}` });
  }

  /** How reports come out of the guests of the matrix. */
  get guest(): GuestChannel {
    return this.#matrix.guest;
  }

  /** @throws HarnessError FILE_UNREADABLE, OVMF_*, MATRIX_INVALID */
  async of(cell: Cell): Promise<CellArtifacts> {
    const [{ file: firmware, descriptor: firmwareDescriptor }, kernel, initrd] = await Promise.all([
      this.#firmware(cell.firmware),
      this.#file('kernel', cell.kernel),
      this.#file('initrd', cell.initrd),
    ]);
    if ((firmwareDescriptor.sizeBytes ?? 0) % QEMU_FIRMWARE_UNIT !== 0) {
      throw new HarnessError({
        code: 'OVMF_SIZE',
        what: `QEMU's -bios takes multiples of 64 KiB, this image has ${firmwareDescriptor.sizeBytes} bytes`,
        where: `firmware ${firmware.name}, ${firmware.path}`,
        hint: 'use the whole image (OVMF.fd, OVMF.amdsev.fd), not OVMF_CODE or OVMF_VARS',
      });
    }
    return { firmware, firmwareDescriptor, kernel, initrd };
  }
}

/** Launches cells on one host: predicts, signs, and lets the host launch. */
export class Launcher {
  readonly #artifacts: MatrixArtifacts;
  readonly #host: Host;
  readonly #reference: Reference;
  #keys: OwnerKeys | undefined;

  constructor(host: Host, artifacts: MatrixArtifacts, reference: Reference) {
    this.#host = host;
    this.#artifacts = artifacts;
    this.#reference = reference;
  }

  async evidenceOf(cell: Cell, signal: AbortSignal): Promise<PredictedEvidence> {
    const local = await this.#artifacts.of(cell);
    const { vmmProfile } = await this.#host.provenance();
    const measured = measuredArtifacts(local.firmwareDescriptor, local.kernel, local.initrd);
    const prediction = predictCell(cell, measured, vmmProfile);
    const launchDigest = this.#reference.digestOf(cell.id, vmmProfile) ?? prediction.launchDigest;
    const request: LaunchRequest = {
      cell,
      ...local,
      identity: this.#identity(cell, launchDigest),
      hostData: randomBytes(32),
      guest: this.#artifacts.guest,
      nonce: randomBytes(64),
      secondNonce: randomBytes(64),
    };
    return { prediction, evidence: await this.#host.launch(request, signal) };
  }

  /** Keys of a guest owner who exists for this process only: nothing signed here is worth anything elsewhere. */
  #identity(cell: Cell, launchDigest: Uint8Array): LaunchIdentity {
    this.#keys ??= generateKeys();
    const idBlock = buildIdBlock({ launchDigest, policy: cell.guestPolicy });
    return { idBlock, idAuth: buildIdAuth({ idBlock, ...this.#keys }), authorKeyEnabled: true };
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}
