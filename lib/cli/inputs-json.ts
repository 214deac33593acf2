import { writeFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import type { LaunchInputs } from '../measure/inputs.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The inputs of a prediction as JSON has them: what the digest depends on, and nothing else. */
export function inputsJson(inputs: LaunchInputs): object {
  const { firmware, kernelHashes: hashes, vcpus, vcpuSignature, guestFeatures, fpuStateMeasured } = inputs;
  return {
    firmware: writeFirmwareDescriptor(firmware),
    kernelHashes: hashes && {
      kernel: hexOf(hashes.kernel),
      initrd: hexOf(hashes.initrd),
      cmdline: hexOf(hashes.cmdline),
    },
    vcpus,
    vcpuSignature: `0x${vcpuSignature.toString(16).padStart(8, '0')}`,
    guestFeatures: `0x${guestFeatures.toString(16)}`,
    fpuStateMeasured,
  };
}
