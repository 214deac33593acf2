import { HarnessError, inPlace } from '../errors.ts';
import { ledger, predict } from '../measure/predict.ts';
import { vmsaPages } from '../measure/vmsa.ts';
import { ARGV_BYTES_MAX, readArgv } from '../qemu/argv-file.ts';
import { digestFinding } from '../qemu/id-block-rules.ts';
import { launchFindings, sortFindings } from '../qemu/launch-findings.ts';
import { parseLaunch } from '../qemu/launch-options.ts';
import { parseDomain } from '../qemu/libvirt-domain.ts';
import type { Finding, ParsedLaunch } from '../qemu/parsed-launch.ts';
import { XML_LIMITS } from '../qemu/xml.ts';
import { dumpVmsas } from './dump-vmsa.ts';
import { readFileOrInput } from './file-or-input.ts';
import { hexOf } from './hex.ts';
import { type LaunchSource, launchInputs } from './launch-source.ts';
import { profileIn } from './predict-inputs.ts';
import { isGiven, type PredictOptions, typed, usage } from './predict-options.ts';
import { digestText, launchJson, ledgerPartJson, outputOf } from './predict-output.ts';

/** Options that stand for what the launch names: a file, or the hash of one. */
const STANDS_FOR = [
  ['kernel', 'kernel'],
  ['kernelSha256', 'kernel'],
  ['initrd', 'initrd'],
  ['initrdSha256', 'initrd'],
] as const;

/** A finding as a line for people. */
export function findingLine({ id, severity, what, hint }: Finding): string {
  return `${severity}: ${what} [${id}]${hint === null ? '' : `\n  hint: ${hint}`}\n`;
}

async function readLaunch({ fromArgv, fromLibvirt }: PredictOptions): Promise<ParsedLaunch> {
  const path = fromLibvirt ?? fromArgv ?? '-';
  const [what, maxBytes] =
    fromLibvirt === undefined ? ['QEMU command line', ARGV_BYTES_MAX] : ['libvirt domain XML', XML_LIMITS.bytes];
  const bytes = await readFileOrInput(path, what, maxBytes);
  try {
    return fromLibvirt === undefined ? parseLaunch(readArgv(bytes)) : parseDomain(bytes);
  } catch (thrown) {
    throw inPlace(thrown, path === '-' ? 'standard input' : path);
  }
}

/**
 * Reads the whole launch that `--from-argv` or `--from-libvirt` names.
 * @throws HarnessError USAGE for options that do not go with it; ARGV_INVALID, LIBVIRT_INVALID, FILE_UNREADABLE
 */
export async function wholeLaunch(options: PredictOptions): Promise<ParsedLaunch> {
  if (options.mode !== 'snp') {
    throw usage(
      `--mode ${options.mode} does not go with a whole launch`,
      'it is read as an SNP launch: leave --mode away',
    );
  }
  const { vmm } = profileIn(options);
  if (vmm !== 'qemu') throw usage(`a launch of QEMU does not go with a VMM profile of ${vmm}`, 'drop it');
  const launch = await readLaunch(options);
  for (const [option, file] of STANDS_FOR) {
    if (isGiven(options, option) && launch[file] === null) {
      throw usage(
        `${typed(option)} is given, but the launch has no -${file}`,
        `with a whole launch ${typed(option)} stands for what that names`,
      );
    }
  }
  return launch;
}

/** What is said of a whole launch before anything is computed of it; see `launchFindings`. */
export function findingsOfWhole(launch: ParsedLaunch, options: PredictOptions): Finding[] {
  const given = {
    firmware: (options.ovmf ?? options.firmwareDescriptor) !== undefined,
    vcpuSignature: options.vcpuSig !== undefined,
  };
  return launchFindings({ launch, given });
}

/** What was computed, and what of. */
export interface Predicted extends LaunchSource {
  digest: Uint8Array;
}

/** The error with the firmware that it is about. */
function ofFirmware(thrown: unknown, path: string | undefined): unknown {
  const isOfFirmware = thrown instanceof HarnessError && thrown.code.startsWith('OVMF_');
  return isOfFirmware && path !== undefined ? inPlace(thrown, path) : thrown;
}

/** Predicts a whole launch. @throws HarnessError those of `launchInputs` */
export async function predictWhole(launch: ParsedLaunch, options: PredictOptions): Promise<Predicted> {
  const source = await launchInputs(launch, options);
  try {
    return { ...source, digest: predict(source.inputs).launchDigest };
  } catch (thrown) {
    throw ofFirmware(thrown, options.ovmf ?? options.firmwareDescriptor ?? launch.firmware?.value);
  }
}

/** Is one of them a reason to stop? */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error');
}

async function print(result: Predicted | null, findings: readonly Finding[], options: PredictOptions): Promise<void> {
  const output = outputOf(options);
  const vmsas = result && vmsaPages(result.inputs.firmware.resetVector, result.inputs);
  const entries = result && options.ledger ? ledger(result.inputs, result.image) : undefined;
  if (vmsas && options.dumpVmsa !== undefined) await dumpVmsas(options.dumpVmsa, vmsas, result.inputs.vcpus);
  if (output === 'json') {
    const written = {
      digest: result && hexOf(result.digest),
      inputs: result && launchJson(result.inputs),
      findings,
      ...(entries && ledgerPartJson(entries, vmsas)),
    };
    process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
  } else {
    process.stderr.write(findings.map(findingLine).join(''));
    if (result !== null) process.stdout.write(digestText(result.digest, entries, output));
  }
}

/**
 * `snp-conform predict --from-argv` and `--from-libvirt`: the launch digest of a whole launch on standard output, findings on standard error.
 * Findings of severity error stop it, unless they are to be ignored.
 * @throws HarnessError LAUNCH_OPTIONS_WRONG after all findings are printed; ARGV_INVALID, LIBVIRT_INVALID, and those of `launchInputs`
 */
export async function predictLaunch(options: PredictOptions): Promise<void> {
  const launch = await wholeLaunch(options);
  const before = findingsOfWhole(launch, options);
  let result: Predicted | null = null;
  try {
    if (options.ignoreFindings || !hasErrors(before)) result = await predictWhole(launch, options);
  } catch (error) {
    await print(null, before, options);
    throw error;
  }
  const ofDigest = result && digestFinding(launch, result.digest);
  const findings = sortFindings([...before, ...(result?.findings ?? []), ...(ofDigest === null ? [] : [ofDigest])]);
  const stopped = hasErrors(findings) && !options.ignoreFindings;
  await print(stopped ? null : result, findings, options);
  if (stopped) throw stoppedBy(findings, options);
}

/** The error of a whole launch whose findings, told before, stop it. */
export function stoppedBy(findings: readonly Finding[], options: PredictOptions): HarnessError {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return new HarnessError({
    code: 'LAUNCH_OPTIONS_WRONG',
    what: `${errors} ${errors === 1 ? 'error' : 'errors'} in the launch, told above`,
    where: options.fromArgv ?? options.fromLibvirt,
    hint: '--ignore-findings predicts where a digest can be computed',
  });
}
