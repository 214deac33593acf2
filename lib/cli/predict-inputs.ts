import { hashInputFile, readInputFile } from '../evidence/input-file.ts';
import { FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import { checkGuestFeatures, checkSevEsFeatures, refuseReservedFeatures } from '../measure/guest-features.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from '../measure/inputs.ts';
import { cmdlineHashOf, NO_INITRD } from '../measure/kernel-hashes.ts';
import type { SevEsInputs, SevInputs } from '../measure/sev.ts';
import type { SvsmInputs } from '../measure/svsm.ts';
import { vcpuSignatureFrom, vcpuSignatureOf } from '../measure/vcpu-types.ts';
import {
  newestVmmProfile,
  SVSM_PROFILE_WITHOUT_FPU_STATE,
  VMM_PROFILE_WITHOUT_FPU_STATE,
  type VmmProfile,
  vmmProfileOf,
} from '../measure/vmm-profiles.ts';
import type { VcpuState } from '../measure/vmsa.ts';
import { loadFirmware, loadFirmwareDescriptor } from './firmware.ts';
import { type PredictOptions, usage } from './predict-options.ts';

const BOOT_FILE_BYTES_MAX = 2 * 1024 ** 3;

/** The kernel hashes of a command line; null where it has no kernel. @throws HarnessError USAGE, FILE_UNREADABLE, ... */
async function kernelHashesIn(options: PredictOptions): Promise<KernelHashes | null> {
  const { kernel, initrd, append, kernelSha256, initrdSha256, cmdlineSha256 } = options;
  const hashOf = (path: string, what: string): Promise<Uint8Array> =>
    hashInputFile({ path, what, maxBytes: BOOT_FILE_BYTES_MAX });
  const orphans = {
    '--initrd': initrd,
    '--append': append,
    '--initrd-sha256': initrdSha256,
    '--cmdline-sha256': cmdlineSha256,
  };
  const kernelHash = kernelSha256 ?? (kernel === undefined ? null : await hashOf(kernel, 'kernel'));
  if (kernelHash === null) {
    const orphan = Object.entries(orphans).find(([, value]) => value !== undefined)?.[0];
    if (orphan === undefined) return null;
    throw usage(
      `${orphan} is given without --kernel`,
      'QEMU measures them only with a kernel: add --kernel or --kernel-sha256, or drop it',
    );
  }
  return {
    kernel: kernelHash,
    initrd: initrdSha256 ?? (initrd === undefined ? NO_INITRD : await hashOf(initrd, 'initrd')),
    cmdline: cmdlineSha256 ?? cmdlineHashOf(append ?? null),
  };
}

/** The VMM profile of a command line, in its address form. @throws HarnessError USAGE, VMM_PROFILE_UNKNOWN */
export function profileIn(options: PredictOptions): VmmProfile {
  const boots = options.mode === 'svsm' ? 'svsm' : 'firmware';
  const { vmm, vmmProfile, vmsaAddressBits, fpuState } = options;
  const without = boots === 'svsm' ? SVSM_PROFILE_WITHOUT_FPU_STATE : VMM_PROFILE_WITHOUT_FPU_STATE;
  if (!fpuState && (vmmProfile !== undefined || vmm !== undefined)) {
    throw usage(
      `--no-fpu-state does not go with ${vmm === undefined ? '--vmm-profile' : '--vmm'}`,
      `it is short for --vmm-profile ${without}; a profile says itself what is measured of the FPU`,
    );
  }
  const named = fpuState ? vmmProfile : vmmProfileOf(without);
  const profile = named ?? newestVmmProfile(vmm ?? 'qemu', boots);
  return vmsaAddressBits === undefined ? profile : { ...profile, vmsaAddressBits };
}

/** The signature given, else that of the type; null: neither is given. @throws HarnessError USAGE, VCPU_TYPE_UNKNOWN, NUMBER_INVALID */
export function givenSignature(options: PredictOptions): number | null {
  const { vcpuSig, vcpuType, vcpuFamily: family, vcpuModel: model, vcpuStepping: stepping } = options;
  if (vcpuSig !== undefined) return vcpuSig;
  if (family !== undefined && model !== undefined && stepping !== undefined) {
    return vcpuSignatureFrom({ family, model, stepping });
  }
  if (family !== undefined || model !== undefined || stepping !== undefined) {
    throw usage(
      'a vCPU needs family, model and stepping, and not all three are given',
      'give --vcpu-family, --vcpu-model and --vcpu-stepping together, or --vcpu-type',
    );
  }
  return vcpuType === undefined ? null : vcpuSignatureOf(vcpuType);
}

/** The signature that is measured; null where the VMM has the same in every guest. */
function signatureIn(options: PredictOptions, profile: VmmProfile): number | null {
  if (profile.rdx !== 'signature') return null;
  const given = givenSignature(options);
  if (given === null) throw usage('no vCPU type is given', 'give --vcpu-type, for example EPYC-v4, or --vcpu-sig');
  return given;
}

export function featuresIn(
  { mode, guestFeatures, allowReservedFeatures }: PredictOptions,
  profile: VmmProfile,
): bigint {
  const features = guestFeatures ?? (mode === 'sev-es' ? 0n : profile.defaultFeatures);
  if (mode === 'sev-es') checkSevEsFeatures(features);
  else checkGuestFeatures(features);
  if (!allowReservedFeatures) refuseReservedFeatures(features);
  return features;
}

/** The state of the vCPUs and their count. @throws HarnessError USAGE and those of lib/measure */
function vcpusIn(options: PredictOptions): VcpuState & { vcpus: number } {
  const profile = profileIn(options);
  if (options.vcpus === undefined) throw usage('no vCPU count is given', 'give --vcpus, for example --vcpus 4');
  const vcpuSignature = signatureIn(options, profile);
  return { vcpus: options.vcpus, vcpuSignature, guestFeatures: featuresIn(options, profile), profile };
}

function imagePath({ ovmf }: PredictOptions): string {
  if (ovmf !== undefined) return ovmf;
  throw usage('no firmware is given', 'give the image with --ovmf');
}

const readImage = (path: string, what: string): Promise<Uint8Array> =>
  readInputFile({ path, what, maxBytes: FIRMWARE_BYTES_MAX });

/** A firmware of which the digest after its pages is given: size and hash of the image at hand are not its own. */
function startingFrom(descriptor: FirmwareDescriptor, pagesDigest: Uint8Array | undefined): FirmwareDescriptor {
  return pagesDigest === undefined ? descriptor : { ...descriptor, pagesDigest, sizeBytes: null, sha256: null };
}

async function firmwareIn(options: PredictOptions): Promise<{ descriptor: FirmwareDescriptor; image?: Uint8Array }> {
  const { ovmf, firmwareDescriptor, ovmfHash } = options;
  if (ovmf !== undefined) {
    const { descriptor, image } = await loadFirmware(ovmf);
    return ovmfHash === undefined ? { descriptor, image } : { descriptor: startingFrom(descriptor, ovmfHash) };
  }
  if (firmwareDescriptor !== undefined) {
    return { descriptor: startingFrom(await loadFirmwareDescriptor(firmwareDescriptor), ovmfHash) };
  }
  if (ovmfHash !== undefined) {
    throw usage(
      '--ovmf-hash is given without a firmware',
      'the sections and the reset vector are measured too: add --ovmf or --firmware-descriptor of a build that has the same',
    );
  }
  throw usage('no firmware is given', 'give the image with --ovmf, or its descriptor with --firmware-descriptor');
}

/** What --mode snp predicts from. @returns the image too, where the ledger can show its pages */
export async function snpInputs(options: PredictOptions): Promise<{ inputs: LaunchInputs; image?: Uint8Array }> {
  const vcpus = vcpusIn(options);
  const kernelHashes = await kernelHashesIn(options);
  const { descriptor, image } = await firmwareIn(options);
  const inputs = { firmware: descriptor, kernelHashes, ...vcpus };
  return image === undefined ? { inputs } : { inputs, image };
}

/** What --mode snp-ovmf-hash prints the digest of. */
export async function ovmfHashInput(options: PredictOptions): Promise<FirmwareDescriptor> {
  return (await firmwareIn(options)).descriptor;
}

/** What --mode sev predicts from. */
export async function sevInputs(options: PredictOptions): Promise<SevInputs> {
  const kernelHashes = await kernelHashesIn(options);
  return { kernelHashes, image: await readImage(imagePath(options), 'firmware image') };
}

/** What --mode sev-es predicts from. */
export async function sevEsInputs(options: PredictOptions): Promise<SevEsInputs> {
  return { ...vcpusIn(options), ...(await sevInputs(options)) };
}

/** What --mode svsm predicts from. */
export async function svsmInputs(options: PredictOptions): Promise<SvsmInputs> {
  const { svsm, varsFile, varsSize } = options;
  const vcpus = vcpusIn(options);
  if (svsm === undefined) throw usage('no SVSM is given', 'give the flat image of a COCONUT-SVSM build with --svsm');
  const firmware = await readImage(imagePath(options), 'firmware image');
  if (varsFile === undefined && varsSize === undefined) {
    throw usage(
      'the size of the UEFI variables is not given',
      'the SVSM ends where they begin: give --vars-file, or --vars-size (540672 for a 4 MiB OVMF; 0 for a unified image)',
    );
  }
  const varsBytes =
    varsFile === undefined ? (varsSize ?? 0) : (await readImage(varsFile, 'file of UEFI variables')).length;
  return { ...vcpus, firmware, svsm: await readImage(svsm, 'SVSM image'), varsBytes };
}
