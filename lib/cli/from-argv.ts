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
import { inputsJson } from './inputs-json.ts';
import { launchInputs, type Replacements, readFileOrInput } from './launch-source.ts';
import { ledgerJson, ledgerTable } from './ledger-text.ts';

/** The options of `predict` that a launch given as a whole reads. */
export interface FromLaunchOptions extends Replacements {
  fromArgv?: string;
  fromLibvirt?: string;
  ignoreFindings?: true;
  ledger?: true;
  json?: true;
}

/** Options of `predict` that say what the launch says itself. */
const SAID_BY_LAUNCH = ['vcpus', 'vcpuType', 'append', 'matrix'];

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

async function readLaunch({ fromArgv, fromLibvirt }: FromLaunchOptions): Promise<ParsedLaunch> {
  if (fromLibvirt !== undefined) {
    return parseDomain(await readFileOrInput(fromLibvirt, 'libvirt domain XML', XML_LIMITS.bytes));
  }
  return parseLaunch(readArgv(await readFileOrInput(fromArgv ?? '-', 'QEMU command line', ARGV_BYTES_MAX)));
}

/** Is a whole launch given? Then `predictLaunch` does what `predict` is asked. */
export function launchIsGiven({ fromArgv, fromLibvirt }: FromLaunchOptions): boolean {
  return (fromArgv ?? fromLibvirt) !== undefined;
}

async function launchFrom(options: FromLaunchOptions): Promise<ParsedLaunch> {
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

async function predicted(launch: ParsedLaunch, options: FromLaunchOptions): Promise<Predicted> {
  const { inputs, image } = await launchInputs(launch, options);
  return { inputs, image, digest: predict(inputs).launchDigest };
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

function print(result: Predicted | null, findings: readonly Finding[], options: FromLaunchOptions): void {
  const digest = result && Buffer.from(result.digest).toString('hex');
  const entries = result && options.ledger ? ledger(result.inputs, result.image) : undefined;
  if (options.json) {
    const written = {
      digest,
      inputs: result && inputsJson(result.inputs),
      findings,
      ledger: entries && ledgerJson(entries),
    };
    process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
  } else {
    process.stderr.write(findings.map(findingLine).join(''));
    if (digest !== null) process.stdout.write(entries ? ledgerTable(entries) : `${digest}\n`);
  }
}

/**
 * `snp-conform predict --from-argv` and `--from-libvirt`: the launch digest of a whole launch on standard output, findings on standard error.
 * Findings of severity error stop it, unless they are to be ignored.
 * @throws HarnessError LAUNCH_OPTIONS_WRONG after all findings are printed; ARGV_INVALID, LIBVIRT_INVALID, and those of `launchInputs`
 */
export async function predictLaunch(options: FromLaunchOptions): Promise<void> {
  const launch = await launchFrom(options);
  const given = {
    firmware: (options.ovmf ?? options.firmwareDescriptor) !== undefined,
    vcpuSignature: options.vcpuSig !== undefined,
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
