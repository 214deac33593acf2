import { type Command, Option } from 'commander';
import { HarnessError } from '../errors.ts';
import type { LaunchInputs } from '../measure/inputs.ts';
import { ledger, predict } from '../measure/predict.ts';
import { ARGV_BYTES_MAX, readArgv } from '../qemu/argv-file.ts';
import { digestFinding } from '../qemu/id-block-rules.ts';
import { launchFindings, sortFindings } from '../qemu/launch-findings.ts';
import { parseLaunch } from '../qemu/launch-options.ts';
import { parseDomain } from '../qemu/libvirt-domain.ts';
import type { Finding, ParsedLaunch } from '../qemu/parsed-launch.ts';
import { XML_LIMITS } from '../qemu/xml.ts';
import { launchInputs, readFileOrInput } from './launch-source.ts';
import { ledgerJson, ledgerTable } from './ledger-text.ts';
import { profileIn } from './predict-inputs.ts';
import { type PredictOptions, usage } from './predict-options.ts';
import { hexOf, launchJson, outputOf } from './predict-output.ts';

/** Options of `predict` that say what the launch says itself. */
const SAID_BY_LAUNCH = [
  ...['vcpus', 'vcpuType', 'vcpuFamily', 'vcpuModel', 'vcpuStepping', 'append', 'matrix', 'ovmfHash'],
  ...['svsm', 'varsSize', 'varsFile', 'kernelSha256', 'initrdSha256', 'cmdlineSha256'],
];

/** Adds the options that take a whole launch. @returns the command */
export function addLaunchOptions(command: Command): Command {
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

/** A finding as a line for people. */
function findingLine({ id, severity, what, hint }: Finding): string {
  return `${severity}: ${what} [${id}]${hint === null ? '' : `\n  hint: ${hint}`}\n`;
}

async function readLaunch({ fromArgv, fromLibvirt }: PredictOptions): Promise<ParsedLaunch> {
  if (fromLibvirt !== undefined) {
    return parseDomain(await readFileOrInput(fromLibvirt, 'libvirt domain XML', XML_LIMITS.bytes));
  }
  return parseLaunch(readArgv(await readFileOrInput(fromArgv ?? '-', 'QEMU command line', ARGV_BYTES_MAX)));
}

/** Is a whole launch given? Then `predictLaunch` does what `predict` is asked. */
export function launchIsGiven({ fromArgv, fromLibvirt }: PredictOptions): boolean {
  return (fromArgv ?? fromLibvirt) !== undefined;
}

/** Reads a whole launch. @throws HarnessError ARGV_INVALID, LIBVIRT_INVALID, FILE_UNREADABLE, USAGE */
export async function launchFrom(options: PredictOptions): Promise<ParsedLaunch> {
  const launch = await readLaunch(options);
  for (const file of ['kernel', 'initrd'] as const) {
    if (options[file] !== undefined && launch[file] === null) {
      throw new HarnessError({
        code: 'USAGE',
        what: `--${file} is given, but the launch has no -${file}`,
        where: 'snp-conform predict',
        hint: `with a whole launch --${file} stands for the file that it names`,
      });
    }
  }
  return launch;
}

/** What was computed; null where errors forbade it. */
interface Predicted {
  inputs: LaunchInputs;
  image: Uint8Array | undefined;
  digest: Uint8Array;
}

async function predicted(launch: ParsedLaunch, options: PredictOptions): Promise<Predicted> {
  const { inputs, image } = await launchInputs(launch, options);
  return { inputs, image, digest: predict(inputs).launchDigest };
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function print(result: Predicted | null, findings: readonly Finding[], options: PredictOptions): void {
  const output = outputOf(options);
  const digest = result && hexOf(result.digest);
  const entries = result && options.ledger ? ledger(result.inputs, result.image) : undefined;
  if (output === 'json') {
    const written = {
      digest,
      inputs: result && launchJson(result.inputs),
      findings,
      ledger: entries && ledgerJson(entries),
    };
    process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
  } else {
    process.stderr.write(findings.map(findingLine).join(''));
    if (result === null) return;
    const text = output === 'base64' ? Buffer.from(result.digest).toString('base64') : digest;
    process.stdout.write(entries ? ledgerTable(entries) : `${text}\n`);
  }
}

/**
 * `snp-conform predict --from-argv` and `--from-libvirt`: the launch digest of a whole launch on standard output, findings on standard error.
 * Findings of severity error stop it, unless they are to be ignored.
 * @throws HarnessError LAUNCH_OPTIONS_WRONG after all findings are printed; ARGV_INVALID, LIBVIRT_INVALID, and those of `launchInputs`
 */
export async function predictLaunch(options: PredictOptions): Promise<void> {
  if (options.mode !== 'snp') {
    throw usage(
      `--mode ${options.mode} does not go with a whole launch`,
      'it is read as an SNP launch: leave --mode away',
    );
  }
  const { vmm } = profileIn(options);
  if (vmm !== 'qemu') throw usage(`a launch of QEMU does not go with a VMM profile of ${vmm}`, 'drop it');
  const launch = await launchFrom(options);
  const given = {
    firmware: (options.ovmf ?? options.firmwareDescriptor) !== undefined,
    vcpuSignature: options.vcpuSig !== undefined,
  };
  const before = launchFindings({ launch, given });
  let result: Predicted | null = null;
  try {
    if (options.ignoreFindings || !hasErrors(before)) result = await predicted(launch, options);
  } catch (error) {
    print(null, before, options);
    throw error;
  }
  const late = result && digestFinding(launch, result.digest);
  const findings = late === null ? before : sortFindings([...before, late]);
  const stopped = hasErrors(findings) && !options.ignoreFindings;
  print(stopped ? null : result, findings, options);
  if (!stopped) return;
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  throw new HarnessError({
    code: 'LAUNCH_OPTIONS_WRONG',
    what: `${errors} ${errors === 1 ? 'error' : 'errors'} in the launch, told above`,
    where: options.fromArgv ?? options.fromLibvirt,
    hint: '--ignore-findings predicts where a digest can be computed',
  });
}
