import { type Command, Option } from 'commander';
import { HarnessError } from '../errors.ts';
import { ledger, predict } from '../measure/predict.ts';
import { ARGV_BYTES_MAX, readArgv } from '../qemu/argv-file.ts';
import { digestFinding } from '../qemu/id-block-rules.ts';
import { launchFindings, sortFindings } from '../qemu/launch-findings.ts';
import { parseLaunch } from '../qemu/launch-options.ts';
import { parseDomain } from '../qemu/libvirt-domain.ts';
import type { Finding, ParsedLaunch } from '../qemu/parsed-launch.ts';
import { XML_LIMITS } from '../qemu/xml.ts';
import { type LaunchRoot, launchInputs, readFileOrInput } from './launch-source.ts';
import type { PredictOptions } from './predict-options.ts';
import { launchJson, outputOf, type Predicted, predictedText } from './predict-output.ts';

/** The options of `predict` that only a launch given as a whole reads. */
export interface FromLaunchOptions extends LaunchRoot {
  fromArgv?: string;
  fromLibvirt?: string;
  ignoreFindings?: true;
}

type Options = PredictOptions & FromLaunchOptions;

/** Options of `predict` that say what the launch says itself. */
const SAID_BY_LAUNCH = ['vcpus', 'vcpuType', 'append', 'cmdlineSha256', 'matrix'];

/** Adds the options that take a whole launch. @returns the command */
export function addLaunchOptions(command: Command): Command {
  const argv = 'take all from a QEMU command line: shell, /proc/PID/cmdline or JSON; - for stdin';
  const libvirt = 'take all from a libvirt domain XML (virsh dumpxml); - for stdin';
  const forBoth = 'with --from-argv or --from-libvirt';
  return command
    .addOption(new Option('--from-argv <file>', argv).conflicts(SAID_BY_LAUNCH))
    .addOption(new Option('--from-libvirt <file>', libvirt).conflicts([...SAID_BY_LAUNCH, 'fromArgv']))
    .option('--root <folder>', `${forBoth}: the file system of the machine that the paths are of`)
    .option('--ignore-findings', `${forBoth}: predict in spite of errors, where a digest can be computed`);
}

/** Is a whole launch given? Then `predictLaunch` does what `predict` is asked. */
export function launchIsGiven({ fromArgv, fromLibvirt }: FromLaunchOptions): boolean {
  return (fromArgv ?? fromLibvirt) !== undefined;
}

async function readLaunch({ fromArgv, fromLibvirt }: FromLaunchOptions): Promise<ParsedLaunch> {
  if (fromLibvirt !== undefined) {
    return parseDomain(await readFileOrInput(fromLibvirt, 'libvirt domain XML', XML_LIMITS.bytes));
  }
  return parseLaunch(readArgv(await readFileOrInput(fromArgv ?? '-', 'QEMU command line', ARGV_BYTES_MAX)));
}

/** A finding as a line for people, and its hint as another. */
function findingLine({ id, severity, what, hint }: Finding): string {
  return `${severity}: ${what} [${id}]${hint === null ? '' : `\n  hint: ${hint}`}\n`;
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

async function predicted(launch: ParsedLaunch, options: Options): Promise<Predicted> {
  const { inputs, image } = await launchInputs(launch, options);
  const rows = options.ledger ? ledger(inputs, image) : undefined;
  return { digest: predict(inputs).launchDigest, inputs: launchJson(inputs), ledger: rows };
}

/** Prints digest and findings; a digest that errors forbid is null. */
function print(result: Predicted | null, findings: readonly Finding[], options: Options): void {
  const output = outputOf(options);
  if (output !== 'json') {
    process.stderr.write(findings.map(findingLine).join(''));
    if (result !== null) process.stdout.write(predictedText(options.mode, result, output));
    return;
  }
  const nothing = { mode: options.mode, digest: null, inputs: null };
  const written: object = result === null ? nothing : JSON.parse(predictedText(options.mode, result, output));
  process.stdout.write(`${JSON.stringify({ ...written, findings }, null, 2)}\n`);
}

/**
 * `snp-conform predict --from-argv` and `--from-libvirt`: the launch digest of a whole launch on standard output, findings
 * on standard error. Findings of severity error stop it, unless they are to be ignored.
 * @throws HarnessError LAUNCH_OPTIONS_WRONG after all findings are printed; ARGV_INVALID, LIBVIRT_INVALID, and those of
 * `launchInputs`
 */
export async function predictLaunch(options: Options): Promise<void> {
  outputOf(options);
  const launch = await readLaunch(options);
  const given = {
    firmware: (options.ovmf ?? options.firmwareDescriptor) !== undefined,
    vcpuSignature: (options.vcpuSig ?? options.vcpuFamily) !== undefined,
  };
  const before = launchFindings({ launch, given });
  const result = hasErrors(before) && !options.ignoreFindings ? null : await predicted(launch, options);
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
