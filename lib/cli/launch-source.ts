import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import { hashInputFile } from '../evidence/input-file.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from '../measure/inputs.ts';
import { kernelHashesFrom } from '../measure/kernel-hashes.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import type { Given, ParsedLaunch } from '../qemu/parsed-launch.ts';
import { DEFAULT_CPU } from '../qemu/snp-rules.ts';
import { loadFirmware, loadFirmwareDescriptor } from './firmware.ts';
import { featuresIn, profileIn } from './predict-inputs.ts';
import type { PredictOptions } from './predict-options.ts';

const BOOT_FILE_BYTES_MAX = 2 * 1024 ** 3;

/** Does the work of reading a file that an option names, and says which one where it fails. */
async function ofOption<T>(
  { value, from }: Given,
  replacement: string,
  root: string | undefined,
  read: (path: string) => Promise<T>,
): Promise<T> {
  const path = root === undefined ? value : posix.join(root, posix.join('/', value));
  try {
    return await read(path);
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code !== 'FILE_UNREADABLE') throw error;
    const hint = `it is a file of the launching machine: give it with ${replacement}, or the folder of its file system with --root`;
    throw new HarnessError({ code: error.code, what: error.what, where: `${from} ${value}`, hint, cause: error });
  }
}

async function firmwareOf(
  launch: ParsedLaunch,
  replacements: PredictOptions,
): Promise<{ descriptor: FirmwareDescriptor; image?: Uint8Array }> {
  const { ovmf, firmwareDescriptor, root } = replacements;
  if (ovmf !== undefined) return loadFirmware(ovmf);
  if (firmwareDescriptor !== undefined) return { descriptor: await loadFirmwareDescriptor(firmwareDescriptor) };
  const given = launch.firmware ?? launch.pflash.find(({ value }) => value !== '');
  if (given !== undefined) return ofOption(given, '--ovmf', root, loadFirmware);
  throw new HarnessError({
    code: 'LAUNCH_OPTIONS_WRONG',
    what: 'no firmware is given',
    hint: 'give the image with --ovmf',
  });
}

/** SHA-256 of a file: of the one given in its place, else of the one that the launch names. */
async function hashOf(
  given: Given,
  replacement: string | undefined,
  what: string,
  root: string | undefined,
): Promise<Uint8Array> {
  const read = (path: string): Promise<Uint8Array> => hashInputFile({ path, what, maxBytes: BOOT_FILE_BYTES_MAX });
  return replacement === undefined ? ofOption(given, `--${what}`, root, read) : read(replacement);
}

async function kernelHashesOf(launch: ParsedLaunch, replacements: PredictOptions): Promise<KernelHashes | null> {
  const { kernel, initrd, append, snp } = launch;
  if (kernel === null || snp?.kernelHashes !== true) return null;
  const { root } = replacements;
  return kernelHashesFrom({
    kernelSha256: await hashOf(kernel, replacements.kernel, 'kernel', root),
    initrdSha256: initrd === null ? null : await hashOf(initrd, replacements.initrd, 'initrd', root),
    append: append?.value ?? null,
  });
}

function signatureOf({ cpu }: ParsedLaunch, { vcpuSig }: PredictOptions): number {
  if (vcpuSig !== undefined) return vcpuSig;
  return cpu === null ? DEFAULT_CPU.signature : vcpuSignatureOf(cpu.value);
}

/**
 * Reads the files that a launch names, and makes the inputs of its prediction.
 * @returns the image too, where there is one
 * @throws HarnessError LAUNCH_OPTIONS_WRONG, FILE_UNREADABLE, VCPU_TYPE_UNKNOWN, APPEND_INVALID and those of the firmware
 */
export async function launchInputs(
  launch: ParsedLaunch,
  replacements: PredictOptions,
): Promise<{ inputs: LaunchInputs; image: Uint8Array | undefined }> {
  if (launch.vcpus === null) {
    throw new HarnessError({
      code: 'LAUNCH_OPTIONS_WRONG',
      what: 'the vCPU count cannot be made out',
      hint: 'correct -smp',
    });
  }
  const vcpuSignature = signatureOf(launch, replacements);
  const profile = profileIn(replacements);
  const { descriptor, image } = await firmwareOf(launch, replacements);
  const inputs: LaunchInputs = {
    firmware: descriptor,
    kernelHashes: await kernelHashesOf(launch, replacements),
    vcpus: launch.vcpus,
    vcpuSignature,
    guestFeatures: featuresIn(replacements, profile),
    profile,
  };
  return { inputs, image };
}
