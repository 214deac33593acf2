import { readLaunchDigest } from '../identity/digest-text.ts';
import { predict } from '../measure/predict.ts';
import { predictSvsm } from '../measure/svsm.ts';
import { ID_BLOCK_RULES } from '../qemu/id-block-rules.ts';
import { sortFindings } from '../qemu/launch-findings.ts';
import type { Finding, SnpSettings } from '../qemu/parsed-launch.ts';
import { findingLine, findingsOfWhole, hasErrors, predictWhole, stoppedBy, wholeLaunch } from './from-argv.ts';
import { type IdBlockFlags, idBlockUsage } from './id-block-options.ts';
import { snpInputs, svsmInputs } from './predict-inputs.ts';
import { checkMode } from './predict-modes.ts';
import { isGiven, launchIsGiven, type PredictOptions, typed } from './predict-options.ts';

/** What a command line says of the launch that an ID block is for. */
export interface IdentityLaunch {
  /** 48 bytes; null: neither a digest nor a launch is given. */
  digest: Uint8Array | null;
  /** null: none is given. */
  policy: bigint | null;
  /** The sev-snp-guest object, where a whole launch is given. */
  snp: SnpSettings | null;
  /** Are kernel hashes part of the launch? */
  kernelHashes: boolean;
}

/** Options that say that a launch is given; the others only change how it is predicted. */
const OF_LAUNCH: readonly (keyof PredictOptions)[] = [
  ...(['ovmf', 'firmwareDescriptor', 'ovmfHash', 'svsm', 'varsSize', 'varsFile', 'vcpus', 'vcpuType'] as const),
  ...(['vcpuSig', 'vcpuFamily', 'vcpuModel', 'vcpuStepping', 'guestFeatures', 'kernel', 'initrd', 'append'] as const),
  ...(['kernelSha256', 'initrdSha256', 'cmdlineSha256', 'vmm', 'vmmProfile', 'vmsaAddressBits', 'fpuState'] as const),
];

/** What is found of the ID block of a launch is what is asked here; as a finding it would stop the answer. */
const isOfIdentity = ({ id }: Finding): boolean => ID_BLOCK_RULES.some((rule) => rule.id === id);

async function ofWhole(flags: IdBlockFlags): Promise<IdentityLaunch> {
  const launch = await wholeLaunch(flags);
  const before = findingsOfWhole(launch, flags).filter((finding) => !isOfIdentity(finding));
  const predicted =
    flags.digest === undefined && (flags.ignoreFindings || !hasErrors(before))
      ? await predictWhole(launch, flags)
      : null;
  const findings = sortFindings([...before, ...(predicted?.findings ?? [])]);
  const worth = findings.filter(({ severity }) => severity !== 'info');
  process.stderr.write(worth.map(findingLine).join(''));
  if (hasErrors(findings) && !flags.ignoreFindings) throw stoppedBy(findings, flags);
  return {
    digest: predicted?.digest ?? null,
    policy: launch.snp?.policy ?? null,
    snp: launch.snp,
    kernelHashes: launch.snp?.kernelHashes ?? false,
  };
}

async function predicted(flags: IdBlockFlags): Promise<Uint8Array> {
  if (flags.mode !== 'snp' && flags.mode !== 'svsm') {
    throw idBlockUsage(`--mode ${flags.mode} does not go with an ID block`, 'only SNP guests have one: snp or svsm');
  }
  checkMode(flags);
  if (flags.mode === 'svsm') return predictSvsm(await svsmInputs(flags));
  return predict((await snpInputs(flags)).inputs).launchDigest;
}

/**
 * What the options say of the launch: a digest, the inputs of `predict`, or a whole launch; findings about it are told on
 * standard error, those about its ID block left out.
 * @throws HarnessError USAGE, DIGEST_INVALID, LAUNCH_OPTIONS_WRONG, and those of predictions
 */
export async function identityLaunch(flags: IdBlockFlags): Promise<IdentityLaunch> {
  const given = OF_LAUNCH.find((name) => isGiven(flags, name));
  const whole = launchIsGiven(flags);
  if (flags.digest !== undefined && given !== undefined) {
    throw idBlockUsage(`--digest does not go with ${typed(given)}`, 'give the digest, or what it is predicted from');
  }
  const launch: IdentityLaunch = whole
    ? await ofWhole(flags)
    : {
        digest: given === undefined ? null : await predicted(flags),
        policy: null,
        snp: null,
        kernelHashes: (flags.kernel ?? flags.kernelSha256) !== undefined,
      };
  const policy = flags.policy ?? launch.policy;
  if (flags.digest === undefined) return { ...launch, policy };
  const { digest, remark } = readLaunchDigest(flags.digest, '--digest');
  if (remark !== null) process.stderr.write(`note: --digest: ${remark}\n`);
  return { ...launch, digest, policy };
}
