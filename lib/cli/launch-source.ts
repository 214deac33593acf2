import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';
import type { LaunchInputs } from '../measure/inputs.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import type { Given, ParsedLaunch } from '../qemu/parsed-launch.ts';
import { DEFAULT_CPU } from '../qemu/snp-rules.ts';
import { profileIn, snpInputs } from './predict-inputs.ts';
import { type PredictOptions, usage } from './predict-options.ts';

/** Where the file system of the machine is that a launch was written for; absent: this one. */
export interface LaunchRoot {
  root?: string;
}

/** Reads standard input to its end, no further than its bound. @throws HarnessError FILE_UNREADABLE */
async function readStandardInput(what: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > maxBytes) {
      const where = 'standard input';
      throw new HarnessError({ code: 'FILE_UNREADABLE', what: `the ${what} is larger than ${maxBytes} bytes`, where });
    }
  }
  return Buffer.concat(chunks);
}

/** Reads a file that may be named `-` for standard input. @throws HarnessError FILE_UNREADABLE */
export async function readFileOrInput(path: string, what: string, maxBytes: number): Promise<Uint8Array> {
  return path === '-' ? readStandardInput(what, maxBytes) : readInputFile({ path, what, maxBytes });
}

/** A file that the launch names. */
interface NamedFile {
  given: Given;
  /** The path of it here. */
  path: string;
  /** The option that another file is given with. */
  replacement: string;
}

/** The files of the launch that nothing was given in place of. Kernel and initrd count where they are measured. */
function namedFiles(launch: ParsedLaunch, options: PredictOptions & LaunchRoot): NamedFile[] {
  const measured = launch.snp?.kernelHashes === true && launch.kernel !== null;
  const firmware = launch.firmware ?? launch.pflash.find(({ value }) => value !== '') ?? null;
  const rows = [
    { given: firmware, replacement: 'ovmf', replaced: options.ovmf ?? options.firmwareDescriptor },
    { given: measured ? launch.kernel : null, replacement: 'kernel', replaced: options.kernel ?? options.kernelSha256 },
    { given: measured ? launch.initrd : null, replacement: 'initrd', replaced: options.initrd ?? options.initrdSha256 },
  ];
  return rows.flatMap(({ given, replacement, replaced }) => {
    if (given === null || replaced !== undefined) return [];
    const path = options.root === undefined ? given.value : posix.join(options.root, posix.join('/', given.value));
    return [{ given, replacement, path }];
  });
}

/** The error of a file that cannot be read, with the option that names it; any other error as it is. */
function namingOption(error: unknown, files: readonly NamedFile[]): unknown {
  if (!(error instanceof HarnessError) || error.code !== 'FILE_UNREADABLE') return error;
  const file = files.find(({ path }) => path === error.where);
  if (file === undefined) return error;
  const hint =
    `it is a file of the launching machine: give it with --${file.replacement}, or the folder of its file system ` +
    'with --root';
  const where = `${file.given.from} ${file.given.value}`;
  return new HarnessError({ code: error.code, what: error.what, where, hint, cause: error });
}

/** Holds what is given beside a launch to what the launch has. @throws HarnessError USAGE */
function checkBeside(launch: ParsedLaunch, options: PredictOptions): void {
  const { vmm } = profileIn(options);
  if (vmm !== 'qemu') throw usage(`a launch of QEMU does not go with a VMM profile of ${vmm}`, 'drop it');
  const files = { kernel: options.kernel ?? options.kernelSha256, initrd: options.initrd ?? options.initrdSha256 };
  for (const name of ['kernel', 'initrd'] as const) {
    if (files[name] === undefined || launch[name] !== null) continue;
    throw usage(
      `--${name} is given, but the launch has no -${name}`,
      `with a whole launch --${name} stands for the file that it names`,
    );
  }
}

/**
 * Reads the files that a launch names, and makes the inputs of its prediction.
 * @param options what is given in place of what the launch says
 * @returns the image too, where there is one
 * @throws HarnessError LAUNCH_OPTIONS_WRONG, USAGE, FILE_UNREADABLE, VCPU_TYPE_UNKNOWN, and those of lib/measure
 */
export async function launchInputs(
  launch: ParsedLaunch,
  options: PredictOptions & LaunchRoot,
): Promise<{ inputs: LaunchInputs; image?: Uint8Array }> {
  checkBeside(launch, options);
  const { vcpus, cpu, append, kernel, snp } = launch;
  if (vcpus === null) {
    const what = 'the vCPU count cannot be made out';
    throw new HarnessError({ code: 'LAUNCH_OPTIONS_WRONG', what, hint: 'correct -smp' });
  }
  const signatureGiven = (options.vcpuSig ?? options.vcpuFamily) !== undefined;
  const signature = signatureGiven
    ? {}
    : { vcpuSig: cpu === null ? DEFAULT_CPU.signature : vcpuSignatureOf(cpu.value) };
  const files = namedFiles(launch, options);
  const paths = Object.fromEntries(files.map(({ replacement, path }) => [replacement, path]));
  const { kernel: _, initrd: __, kernelSha256, initrdSha256, ...others } = options;
  const measured = snp?.kernelHashes === true && kernel !== null;
  const { kernel: kernelGiven, initrd: initrdGiven } = options;
  const boot: Partial<PredictOptions> = !measured
    ? {}
    : {
        ...(kernelGiven !== undefined && { kernel: kernelGiven }),
        ...(initrdGiven !== undefined && { initrd: initrdGiven }),
        ...(kernelSha256 !== undefined && { kernelSha256 }),
        ...(initrdSha256 !== undefined && { initrdSha256 }),
        ...(append !== null && { append: append.value }),
      };
  try {
    return await snpInputs({ ...others, ...boot, ...paths, ...signature, vcpus });
  } catch (error) {
    throw namingOption(error, files);
  }
}
