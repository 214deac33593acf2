import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { HarnessError } from '../errors.ts';
import { writeFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import { hashInputFile } from '../evidence/input-file.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from '../measure/inputs.ts';
import { kernelHashesFrom } from '../measure/kernel-hashes.ts';
import { checkVcpuCount, ledger, predict } from '../measure/predict.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import { predictMatrix } from '../runner/predict-all.ts';
import { REFERENCE_FORMAT } from '../runner/reference.ts';
import { loadFirmware, loadFirmwareDescriptor } from './firmware.ts';
import { addLaunchOptions, type FromLaunchOptions, launchIsGiven, predictLaunch } from './from-argv.ts';
import { ledgerJson, ledgerTable } from './ledger-text.ts';
import { parseCount, parseUnsigned } from './numbers.ts';

const BOOT_FILE_BYTES_MAX = 2 * 1024 ** 3;

/** The options as commander gives them. */
interface PredictOptions extends FromLaunchOptions {
  ovmf?: string;
  firmwareDescriptor?: string;
  vcpus?: number;
  vcpuType?: string;
  vcpuSig?: number;
  guestFeatures: bigint;
  kernel?: string;
  initrd?: string;
  append?: string;
  fpuState: boolean;
  ledger?: true;
  json?: true;
  matrix?: string;
}

const EXAMPLES = `
Examples:
  snp-conform predict --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4
  snp-conform predict --ovmf OVMF.amdsev.fd --vcpus 1 --vcpu-type EPYC-Milan \\
      --kernel vmlinuz --initrd initrd.img --append 'console=ttyS0' --ledger
  snp-conform predict --matrix matrix.json > published.json`;

/** Options that say what a matrix says on its axes. */
const SINGLE_CELL_OPTIONS = [
  'ovmf',
  'firmwareDescriptor',
  'vcpus',
  'vcpuType',
  'vcpuSig',
  'kernel',
  'initrd',
  'append',
] as const;

/** An option's name as it is typed. */
const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function usage(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform predict', hint });
}

async function firmwareOf(options: PredictOptions): Promise<{ descriptor: FirmwareDescriptor; image?: Uint8Array }> {
  if (options.ovmf !== undefined) return loadFirmware(options.ovmf);
  if (options.firmwareDescriptor !== undefined) {
    return { descriptor: await loadFirmwareDescriptor(options.firmwareDescriptor) };
  }
  throw usage('no firmware is given', 'give the image with --ovmf, or its descriptor with --firmware-descriptor');
}

async function kernelHashesIn(options: PredictOptions): Promise<KernelHashes | null> {
  const { kernel, initrd, append } = options;
  if (kernel === undefined) {
    const orphan = initrd !== undefined ? '--initrd' : append !== undefined ? '--append' : undefined;
    if (orphan === undefined) return null;
    throw usage(
      `${orphan} is given without --kernel`,
      'QEMU measures them only with a kernel: add --kernel or drop it',
    );
  }
  const hashOf = (path: string, what: string): Promise<Uint8Array> =>
    hashInputFile({ path, what, maxBytes: BOOT_FILE_BYTES_MAX });
  return kernelHashesFrom({
    kernelSha256: await hashOf(kernel, 'kernel'),
    initrdSha256: initrd === undefined ? null : await hashOf(initrd, 'initrd'),
    append: append ?? null,
  });
}

/** The signature given, else that of the type: a type that is not in the table needs its signature beside it. */
function signatureOf({ vcpuSig, vcpuType }: PredictOptions): number {
  if (vcpuSig !== undefined) return vcpuSig;
  if (vcpuType !== undefined) return vcpuSignatureOf(vcpuType);
  throw usage('no vCPU type is given', 'give --vcpu-type, for example EPYC-v4, or --vcpu-sig');
}

/** The inputs as JSON has them: what the digest depends on, and nothing else. */
function inputsJson(inputs: LaunchInputs): object {
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

/** The digests of all cells of a matrix, by VMM profile: what `run --reference` takes. */
async function printMatrix(matrixFile: string, options: PredictOptions): Promise<void> {
  const [single] = SINGLE_CELL_OPTIONS.filter((name) => options[name] !== undefined);
  if (single !== undefined) throw usage(`--matrix goes without --${dashed(single)}`, 'the axes of the matrix say it');
  const predicted = await predictMatrix(resolve(matrixFile), cacheDirectory(process.env, homedir()));
  const digests = Object.fromEntries(
    [...predicted].map(([profile, cells]) => [
      profile,
      Object.fromEntries([...cells].map(([id, digest]) => [id, hexOf(digest)])),
    ]),
  );
  process.stdout.write(`${JSON.stringify({ format: REFERENCE_FORMAT, digests }, null, 2)}\n`);
}

async function run(options: PredictOptions): Promise<void> {
  if (launchIsGiven(options)) return predictLaunch(options);
  if (options.matrix !== undefined) {
    await printMatrix(options.matrix, options);
    return;
  }
  if (options.vcpus === undefined) throw usage('no vCPU count is given', 'give --vcpus, for example --vcpus 4');
  const vcpuSignature = signatureOf(options);
  const kernelHashes = await kernelHashesIn(options);
  const { descriptor, image } = await firmwareOf(options);
  const inputs: LaunchInputs = {
    firmware: descriptor,
    kernelHashes,
    vcpus: options.vcpus,
    vcpuSignature,
    guestFeatures: options.guestFeatures,
    fpuStateMeasured: options.fpuState,
  };
  const digest = hexOf(predict(inputs).launchDigest);
  const entries = options.ledger ? ledger(inputs, image) : undefined;
  if (options.json) {
    const written = { digest, inputs: inputsJson(inputs), ledger: entries && ledgerJson(entries) };
    process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
  } else {
    process.stdout.write(entries ? ledgerTable(entries) : `${digest}\n`);
  }
}

/** `snp-conform predict`: the launch digest of one launch, as 96 hex digits, as its ledger, or as JSON. */
export function predictCommand(): Command {
  return addLaunchOptions(new Command('predict'))
    .description('print the launch digest that an SNP guest must have')
    .addOption(new Option('--ovmf <image>', 'the firmware image').conflicts('firmwareDescriptor'))
    .option('--firmware-descriptor <json>', 'its descriptor in place of the image; see `firmware describe`')
    .option(
      '--matrix <file>',
      'predict every cell of a matrix for every VMM profile: JSON, as `run --reference` takes it',
    )
    .option('--vcpus <count>', 'vCPUs present at launch', (text) =>
      checkVcpuCount(parseCount(text, '--vcpus', 'VCPU_COUNT')),
    )
    .option('--vcpu-type <name>', "QEMU's CPU model, for example EPYC-v4")
    .option('--vcpu-sig <number>', 'CPUID leaf 1 EAX; wins over --vcpu-type', (text) =>
      Number(parseUnsigned(text, '--vcpu-sig', 32, 'NUMBER_INVALID')),
    )
    .addOption(
      new Option('--guest-features <number>', 'SEV_FEATURES in the VMSA; this is not the guest policy')
        .argParser((text) => parseUnsigned(text, '--guest-features', 64, 'GUEST_FEATURES_INVALID'))
        .default(1n, '0x1'),
    )
    .addOption(
      new Option('--guest-policy <number>').hideHelp().argParser(() => {
        throw usage(
          'the guest policy is not measured, so it changes no launch digest',
          'drop --guest-policy; --guest-features (SEV_FEATURES in the VMSA, 0x1 or 0x21) is something else and does',
        );
      }),
    )
    .option('--kernel <file>', 'kernel, for -kernel with kernel-hashes=on')
    .option('--initrd <file>', 'initial ramdisk')
    .option('--append <text>', 'kernel command line, exactly as -append gets it')
    .option('--no-fpu-state', 'the host kernel is older than Linux 6.10: MXCSR and FCW are measured as 0')
    .option('--ledger', 'print every measured page with the digest after it')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(run);
}
