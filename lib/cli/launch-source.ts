import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import { hashInputFile, readFileStart } from '../evidence/input-file.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from '../measure/inputs.ts';
import { cmdlineHashOf, NO_INITRD } from '../measure/kernel-hashes.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import type { Finding, Given, ParsedLaunch } from '../qemu/parsed-launch.ts';
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

/** Reads a boot file: the one given in its place, else the one that the launch names. */
async function ofBootFile<T>(
  given: Given,
  name: 'kernel' | 'initrd',
  { [name]: replacement, root }: PredictOptions,
  read: (path: string) => Promise<T>,
): Promise<T> {
  return replacement === undefined ? ofOption(given, `--${name} or --${name}-sha256`, root, read) : read(replacement);
}

/** SHA-256 of a boot file: the one given in its place, else that of the file. */
async function hashOf(given: Given, what: 'kernel' | 'initrd', replacements: PredictOptions): Promise<Uint8Array> {
  const hash = replacements[`${what}Sha256`];
  if (hash !== undefined) return hash;
  return ofBootFile(given, what, replacements, (path) => hashInputFile({ path, what, maxBytes: BOOT_FILE_BYTES_MAX }));
}

async function kernelHashesOf(launch: ParsedLaunch, replacements: PredictOptions): Promise<KernelHashes | null> {
  const { kernel, initrd, append, snp } = launch;
  if (kernel === null || snp?.kernelHashes !== true) return null;
  return {
    kernel: await hashOf(kernel, 'kernel', replacements),
    initrd: initrd === null ? NO_INITRD : await hashOf(initrd, 'initrd', replacements),
    cmdline: replacements.cmdlineSha256 ?? cmdlineHashOf(append?.value ?? null),
  };
}

/** Bytes of a kernel up to the end of its signature. Source: Linux, Documentation/arch/x86/boot.rst. */
const SETUP_BYTES = 0x206;

/** QEMU takes a kernel that is no bzImage for something else, or stops. Source: QEMU, hw/i386/x86-common.c. */
async function kernelFindings({ kernel, snp }: ParsedLaunch, replacements: PredictOptions): Promise<Finding[]> {
  if (kernel === null || snp?.kernelHashes !== true || replacements.kernelSha256 !== undefined) return [];
  const file = { what: 'kernel', maxBytes: SETUP_BYTES };
  const start = await ofBootFile(kernel, 'kernel', replacements, (path) => readFileStart({ path, ...file }));
  const text = Buffer.from(start).toString('latin1');
  if (text.slice(SETUP_BYTES - 4) === 'HdrS') return [];
  const is = text.startsWith('\x7fELF') ? 'an ELF file' : 'no bzImage (no HdrS at offset 0x202)';
  const hint = 'QEMU stops, or boots it another way and hashes nothing; the digest is that of a kernel that is hashed';
  return [{ id: 'kernel-no-bzimage', severity: 'warning', what: `${kernel.from} is ${is}`, hint }];
}

/** Source: QEMU, hw/i386/x86-common.c, x86_bios_rom_init. */
const BIOS_UNIT_BYTES = 64 * 1024;

function firmwareFindings({ sizeBytes }: FirmwareDescriptor): Finding[] {
  if (sizeBytes === null || sizeBytes % BIOS_UNIT_BYTES === 0) return [];
  const what = `-bios takes images of whole ${BIOS_UNIT_BYTES} bytes, this one has ${sizeBytes}`;
  return [{ id: 'firmware-size', severity: 'warning', what, hint: 'QEMU stops; use the whole image' }];
}

function signatureOf({ cpu }: ParsedLaunch, { vcpuSig }: PredictOptions): number {
  if (vcpuSig !== undefined) return vcpuSig;
  return vcpuSignatureOf(cpu?.value ?? DEFAULT_CPU);
}

/** What a launch is predicted from. */
export interface LaunchSource {
  inputs: LaunchInputs;
  /** The firmware image, where it is at hand. */
  image: Uint8Array | undefined;
  /** What is to be said of the files. */
  findings: readonly Finding[];
}

/**
 * Reads the files that a launch names, and makes the inputs of its prediction.
 * @throws HarnessError LAUNCH_OPTIONS_WRONG, FILE_UNREADABLE, VCPU_TYPE_UNKNOWN, APPEND_INVALID and those of the firmware
 */
export async function launchInputs(launch: ParsedLaunch, replacements: PredictOptions): Promise<LaunchSource> {
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
  const findings = [...firmwareFindings(descriptor), ...(await kernelFindings(launch, replacements))];
  return { inputs, image, findings };
}
