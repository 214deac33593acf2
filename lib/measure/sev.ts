import { createHash } from 'node:crypto';
import { kernelHashesTable } from '../abi/kernel-hashes.ts';
import { OVMF_GUIDS } from '../abi/ovmf.ts';
import { HarnessError } from '../errors.ts';
import { checkImageSize, readHashesTable, readResetVector } from './firmware-table.ts';
import { checkSevEsFeatures } from './guest-features.ts';
import type { KernelHashes } from './inputs.ts';
import { readFooterTable } from './ovmf-table.ts';
import { checkProfile, checkSignature, checkVcpuCount } from './predict.ts';
import { type VcpuState, type VmsaPages, vmsaPages } from './vmsa.ts';

/** All that the launch digest of an SEV guest depends on. */
export interface SevInputs {
  /** The firmware image as it is measured: the unified image, or OVMF_CODE. */
  image: Uint8Array;
  /** null: launched without -kernel, or with kernel-hashes=off. */
  kernelHashes: KernelHashes | null;
}

/** All that the launch digest of an SEV-ES guest depends on; SEV_FEATURES are 0 unless the launch asks for some. */
export interface SevEsInputs extends SevInputs, VcpuState {
  vcpus: number;
}

/** Starts the digest with what SEV and SEV-ES have in common: firmware, then the table of kernel hashes. */
function measureSev({ image, kernelHashes }: SevInputs) {
  checkImageSize(image);
  const table = readFooterTable(image);
  const digest = createHash('sha256').update(image);
  if (kernelHashes === null) return { digest, table };
  if (readHashesTable(table.get(OVMF_GUIDS.sevHashesTable)) === null) {
    throw new HarnessError({
      code: 'OVMF_NO_HASHES_TABLE',
      what: 'a kernel is given, but the firmware cannot hold its hashes: it has no table of kernel hashes',
      hint: 'use an AmdSev build of OVMF (OVMF.amdsev.fd), or launch without kernel, initrd and append',
    });
  }
  digest.update(kernelHashesTable(kernelHashes));
  return { digest, table };
}

/**
 * The launch digest of an SEV guest under QEMU: SHA-256 over firmware and table of kernel hashes.
 * @returns 32 bytes   @throws HarnessError OVMF_SIZE, OVMF_NO_TABLE, OVMF_TABLE_INVALID, OVMF_NO_HASHES_TABLE
 * Source: AMD 55766, LAUNCH_UPDATE_DATA; QEMU, target/i386/sev.c.
 */
export function predictSev(inputs: SevInputs): Uint8Array {
  return measureSev(inputs).digest.digest();
}

/** The VMSA pages of an SEV-ES guest. @throws HarnessError OVMF_SIZE, OVMF_NO_TABLE, OVMF_TABLE_INVALID, VCPU_TYPE_UNKNOWN */
export function sevEsVmsas(inputs: SevEsInputs): VmsaPages {
  checkImageSize(inputs.image);
  const table = readFooterTable(inputs.image);
  return vmsaPages(readResetVector(table.get(OVMF_GUIDS.sevEsResetBlock)), inputs);
}

/**
 * The launch digest of an SEV-ES guest under QEMU: that of SEV, with one VMSA a vCPU after it.
 * @returns 32 bytes
 * @throws HarnessError as `predictSev`, and VCPU_COUNT, NUMBER_INVALID, GUEST_FEATURES_INVALID, VMM_PROFILE_UNKNOWN
 * Source: AMD 55766, LAUNCH_UPDATE_VMSA; Linux, arch/x86/kvm/svm/sev.c.
 */
export function predictSevEs(inputs: SevEsInputs): Uint8Array {
  checkVcpuCount(inputs.vcpus);
  checkSignature(inputs.vcpuSignature);
  checkSevEsFeatures(inputs.guestFeatures);
  checkProfile(inputs.profile, 'firmware');
  const { digest, table } = measureSev(inputs);
  const resetVector = readResetVector(table.get(OVMF_GUIDS.sevEsResetBlock));
  const { boot, application } = vmsaPages(resetVector, inputs);
  digest.update(boot);
  for (let index = 1; index < inputs.vcpus; index += 1) digest.update(application);
  return digest.digest();
}
