import { type Command, Option } from 'commander';
import { VMSA_ADDRESS_BITS, type VmsaAddressBits } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { readLaunchDigest } from '../identity/digest-text.ts';
import { readGuestFeatures } from '../measure/guest-features.ts';
import { checkVcpuCount } from '../measure/predict.ts';
import {
  VMM_PROFILE_WITHOUT_FPU_STATE,
  VMMS,
  type Vmm,
  type VmmProfile,
  vmmProfileOf,
} from '../measure/vmm-profiles.ts';
import { parseCount, parseHexBytes, parseUnsigned } from './numbers.ts';

/** What can be predicted. */
export const MODES = ['snp', 'snp-ovmf-hash', 'svsm', 'sev', 'sev-es'] as const;
export type Mode = (typeof MODES)[number];

/** How a digest is printed, and those of a matrix. */
export const OUTPUTS = ['hex', 'base64', 'json', 'csv', 'rvps'] as const;
export type Output = (typeof OUTPUTS)[number];

/** The options of `predict` as commander gives them. */
export interface PredictOptions {
  mode: Mode;
  ovmf?: string;
  firmwareDescriptor?: string;
  ovmfHash?: Uint8Array;
  svsm?: string;
  varsSize?: number;
  varsFile?: string;
  vcpus?: number;
  vcpuType?: string;
  vcpuSig?: number;
  vcpuFamily?: number;
  vcpuModel?: number;
  vcpuStepping?: number;
  guestFeatures?: bigint;
  allowReservedFeatures?: true;
  kernel?: string;
  initrd?: string;
  append?: string;
  kernelSha256?: Uint8Array;
  initrdSha256?: Uint8Array;
  cmdlineSha256?: Uint8Array;
  vmm?: Vmm;
  vmmProfile?: VmmProfile;
  vmsaAddressBits?: VmsaAddressBits;
  fpuState: boolean;
  ledger?: true;
  dumpVmsa?: string;
  output?: Output;
  json?: true;
  matrix?: string;
  /** With --output rvps: until when, as that format writes it. */
  expires?: string;
  /** A whole launch in place of single options; see from-argv.ts. */
  fromArgv?: string;
  fromLibvirt?: string;
  /** Where the file system of the machine is that the launch was written for. */
  root?: string;
  ignoreFindings?: true;
}

/** An error of the command line of `predict`. */
export function usage(what: string, hint: string, where = 'snp-conform predict'): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where, hint });
}

/** An option's name as it is typed. */
export function typed(name: keyof PredictOptions): string {
  if (name === 'fpuState') return '--no-fpu-state';
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Is this option on the command line? `--no-fpu-state` is there where the option is false. */
export function isGiven(options: PredictOptions, name: keyof PredictOptions): boolean {
  return name === 'fpuState' ? !options.fpuState : options[name] !== undefined;
}

/** Options that say what a whole launch says itself. */
const SAID_BY_LAUNCH = [
  ...['vcpus', 'vcpuType', 'vcpuFamily', 'vcpuModel', 'vcpuStepping', 'append', 'matrix', 'ovmfHash'],
  ...['svsm', 'varsSize', 'varsFile'],
];

const number = (option: string) => (text: string) => Number(parseUnsigned(text, option, 32, 'NUMBER_INVALID'));
const hash = (option: string) => (text: string) => parseHexBytes(text, option, 32);

/** Options that say where the digest starts. */
function addFirmwareOptions(command: Command): Command {
  return command
    .addOption(new Option('--ovmf <image>', 'the firmware image').conflicts('firmwareDescriptor'))
    .option('--firmware-descriptor <json>', 'its descriptor in place of the image; see `firmware describe`')
    .addOption(
      new Option('--ovmf-hash <digest>', 'digest after the firmware pages, in place of that of the image').argParser(
        (text) => readLaunchDigest(text, '--ovmf-hash').digest,
      ),
    )
    .option('--svsm <image>', 'flat COCONUT SVSM image, for --mode svsm')
    .addOption(
      new Option('--vars-size <bytes>', 'bytes of the UEFI variables between SVSM and firmware')
        .argParser(number('--vars-size'))
        .conflicts('varsFile'),
    )
    .option('--vars-file <file>', 'the file of UEFI variables, for its size');
}

function addVcpuOptions(command: Command): Command {
  return command
    .option('--vcpus <count>', 'vCPUs present at launch', (text) =>
      checkVcpuCount(parseCount(text, '--vcpus', 'VCPU_COUNT')),
    )
    .option('--vcpu-type <name>', "QEMU's CPU model, for example EPYC-v4")
    .addOption(
      new Option('--vcpu-sig <number>', 'CPUID leaf 1 EAX; wins over --vcpu-type')
        .argParser(number('--vcpu-sig'))
        .conflicts(['vcpuFamily', 'vcpuModel', 'vcpuStepping']),
    )
    .option('--vcpu-family <number>', 'with --vcpu-model and --vcpu-stepping: the signature', number('--vcpu-family'))
    .option('--vcpu-model <number>', 'CPUID model, extended model included', number('--vcpu-model'))
    .option('--vcpu-stepping <number>', 'CPUID stepping', number('--vcpu-stepping'))
    .option(
      '--guest-features <features>',
      'SEV_FEATURES in the VMSA, as number or names joined by +; this is not the guest policy (default: 0x1)',
      readGuestFeatures,
    )
    .option('--allow-reserved-features', 'predict with reserved bits in --guest-features too');
}

function addKernelOptions(command: Command): Command {
  return command
    .addOption(new Option('--kernel <file>', 'kernel, for -kernel with kernel-hashes=on').conflicts('kernelSha256'))
    .addOption(new Option('--initrd <file>', 'initial ramdisk').conflicts('initrdSha256'))
    .addOption(
      new Option('--append <text>', 'kernel command line, exactly as -append gets it').conflicts('cmdlineSha256'),
    )
    .option('--kernel-sha256 <hex>', 'SHA-256 of the kernel in place of the file', hash('--kernel-sha256'))
    .option('--initrd-sha256 <hex>', 'SHA-256 of the initial ramdisk', hash('--initrd-sha256'))
    .option('--cmdline-sha256 <hex>', 'SHA-256 of the command line and one NUL', hash('--cmdline-sha256'));
}

function addVmmOptions(command: Command): Command {
  return command
    .addOption(new Option('--vmm <name>', 'VMM; its newest profile').choices(VMMS).conflicts(['vmmProfile', 'matrix']))
    .option('--vmm-profile <name>', 'one way of launching; see `snp-conform profiles`', vmmProfileOf)
    .addOption(
      new Option('--vmsa-address-bits <bits>', 'width to which the host cuts the address of VMSAs (default: 48)')
        .choices(VMSA_ADDRESS_BITS.map(String))
        .argParser((text) => addressBits(text)),
    )
    .option(
      '--no-fpu-state',
      `the host kernel is older than Linux 6.10: short for --vmm-profile ${VMM_PROFILE_WITHOUT_FPU_STATE}`,
    );
}

function addressBits(text: string): VmsaAddressBits {
  const bits = VMSA_ADDRESS_BITS.find((known) => String(known) === text);
  if (bits !== undefined) return bits;
  throw usage(
    `--vmsa-address-bits is ${JSON.stringify(text)}`,
    `known widths: ${VMSA_ADDRESS_BITS.join(', ')}; hosts of today have 48`,
  );
}

/** A time as reference values of confidential-containers have it. Source: trustee, rvps/src/reference_value.rs. */
function expiry(text: string): string {
  const shape = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;
  const time = new Date(text);
  if (shape.test(text) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text.slice(0, -1)))
    return text;
  throw usage(`--expires is ${JSON.stringify(text)}`, 'expected a time in UTC, for example 2030-01-01T00:00:00Z');
}

/** Adds the options that take a whole launch. @returns the command */
function addLaunchOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--from-argv <file>',
        'take all from a QEMU command line: shell, /proc/PID/cmdline or JSON; - for stdin',
      ).conflicts(SAID_BY_LAUNCH),
    )
    .addOption(
      new Option('--from-libvirt <file>', 'take all from a libvirt domain XML (virsh dumpxml); - for stdin').conflicts([
        ...SAID_BY_LAUNCH,
        'fromArgv',
      ]),
    )
    .option(
      '--root <folder>',
      'with --from-argv or --from-libvirt: the file system of the machine that the paths are of',
    )
    .option(
      '--ignore-findings',
      'with --from-argv or --from-libvirt: predict in spite of errors, where a digest can be computed',
    );
}

/** Is a whole launch given, in place of single options? */
export function launchIsGiven({ fromArgv, fromLibvirt }: PredictOptions): boolean {
  return (fromArgv ?? fromLibvirt) !== undefined;
}

/** Adds the options that say what is launched, as `predict` takes them. */
export function addLaunchInputOptions(command: Command): Command {
  command.addOption(new Option('--mode <mode>', 'what is launched').choices(MODES).default('snp'));
  for (const add of [addFirmwareOptions, addVcpuOptions, addKernelOptions, addVmmOptions, addLaunchOptions])
    add(command);
  return command;
}

/** Adds all options of `predict`. */
export function addPredictOptions(command: Command): Command {
  return addLaunchInputOptions(command)
    .addOption(
      new Option('--guest-policy <number>').hideHelp().argParser(() => {
        throw usage(
          'the guest policy is not measured, so it changes no launch digest',
          'drop --guest-policy; --guest-features (SEV_FEATURES in the VMSA, 0x1 or 0x21) is something else and does',
        );
      }),
    )
    .option(
      '--matrix <file>',
      'predict every cell of a matrix: as JSON that `run --reference` takes, or in the format of --output',
    )
    .option('--ledger', 'print every measured page with the digest after it')
    .option('--dump-vmsa <folder>', 'write the VMSA page of every vCPU: vmsa0.bin, vmsa1.bin, ...')
    .addOption(
      new Option(
        '--output <format>',
        'how digests are printed (default: hex); with --matrix json, csv, or rvps, the reference values of ' +
          "confidential-containers' attestation service",
      ).choices(OUTPUTS),
    )
    .option('--expires <time>', 'with --output rvps: until when the values hold (default: a year from now)', expiry)
    .addOption(new Option('--json', 'short for --output json').conflicts('output'));
}
