import { readCell } from '../evidence/cell-codec.ts';
import { readFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import type { Evidence } from '../evidence/schema.ts';
import type { LocalArtifact } from '../host/host.ts';
import type { Cell } from '../matrix/cell.ts';
import { refuseGuestPolicy } from '../measure/guest-features.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs, Prediction } from '../measure/inputs.ts';
import { kernelHashesFrom } from '../measure/kernel-hashes.ts';
import { predict } from '../measure/predict.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import { type VmmProfile, vmmProfileOf } from '../measure/vmm-profiles.ts';

/** The inputs of a cell that come from files, as far as a digest needs them. */
export interface MeasuredArtifacts {
  firmware: FirmwareDescriptor;
  /** SHA-256, 32 bytes; null: none. */
  kernel: Uint8Array | null;
  initrd: Uint8Array | null;
}

/** The value of a key, made where it is not there yet. */
function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}

/** Launch inputs of the cells of one matrix; what cells have in common is made once, and is one object in all of them. */
export class CellInputs {
  readonly #signatures = new Map<string, number>();
  readonly #profiles = new Map<string, VmmProfile>();
  readonly #kernelHashes = new Map<string, KernelHashes>();

  #hashes({ kernel, initrd, append }: Cell, artifacts: MeasuredArtifacts): KernelHashes | null {
    const { kernel: kernelSha256, initrd: initrdSha256 } = artifacts;
    if (kernelSha256 === null) return null;
    const key = `${kernel} ${initrd ?? ''} ${append ?? ''}`;
    return once(this.#kernelHashes, key, () => kernelHashesFrom({ kernelSha256, initrdSha256, append }));
  }

  /**
   * What the launch of a cell depends on, on a host of a VMM profile.
   * @param artifacts the same for the same names of kernel and initrd   @throws HarnessError of the codes of lib/measure
   */
  of(cell: Cell, artifacts: MeasuredArtifacts, vmmProfile: string): LaunchInputs {
    refuseGuestPolicy(cell.guestFeatures);
    return {
      firmware: artifacts.firmware,
      kernelHashes: this.#hashes(cell, artifacts),
      vcpus: cell.vcpus,
      vcpuSignature: once(this.#signatures, cell.vcpuType, () => vcpuSignatureOf(cell.vcpuType)),
      guestFeatures: cell.guestFeatures,
      profile: once(this.#profiles, vmmProfile, () => vmmProfileOf(vmmProfile)),
    };
  }
}

/** What the launch of one cell depends on. @throws HarnessError of the codes of lib/measure */
function cellInputs(cell: Cell, artifacts: MeasuredArtifacts, vmmProfile: string): LaunchInputs {
  return new CellInputs().of(cell, artifacts, vmmProfile);
}

/** The prediction of a cell on a host of a VMM profile. @throws HarnessError of the codes of lib/measure */
export function predictCell(cell: Cell, artifacts: MeasuredArtifacts, vmmProfile: string): Prediction {
  return predict(cellInputs(cell, artifacts, vmmProfile));
}

const bytesOf = (artifact: { sha256: string } | LocalArtifact | null): Uint8Array | null =>
  artifact === null ? null : new Uint8Array(Buffer.from(artifact.sha256, 'hex'));

/** What evidence says that its launch depended on. @throws HarnessError DESCRIPTOR_INVALID, and of lib/measure */
export function evidenceInputs(evidence: Evidence): LaunchInputs {
  const { firmware, kernel, initrd } = evidence.artifacts;
  const artifacts = {
    firmware: readFirmwareDescriptor(firmware.descriptor, `evidence of ${evidence.cell.id}`),
    kernel: bytesOf(kernel),
    initrd: bytesOf(initrd),
  };
  return cellInputs(readCell(evidence.cell), artifacts, evidence.host.vmmProfile);
}

/** The prediction made anew from what evidence says of its inputs. */
export function predictEvidence(evidence: Evidence): Prediction {
  return predict(evidenceInputs(evidence));
}

/** What a digest needs of local artifacts. */
export function measuredArtifacts(
  firmware: FirmwareDescriptor,
  kernel: LocalArtifact | null,
  initrd: LocalArtifact | null,
): MeasuredArtifacts {
  return { firmware, kernel: bytesOf(kernel), initrd: bytesOf(initrd) };
}
