import { guestFeatureNames } from '../measure/guest-features.ts';
import { cmdlineCut } from '../measure/kernel-hashes.ts';
import { VMM_PROFILES, type VmmProfile } from '../measure/vmm-profiles.ts';
import { isGiven, type PredictOptions, typed } from './predict-options.ts';

const KERNEL = ['kernel', 'kernelSha256'] as const;

const hex = (features: bigint): string => `0x${features.toString(16)} (${guestFeatureNames(features).join(', ')})`;

const warning = (text: string): string => `warning: ${text}\n`;

/** What is said of a kernel under a VMM that takes none; nothing where it takes one. @param kernel what names it */
export function kernelWarnings({ name, vmm, launchesKernels }: VmmProfile, kernel: string): string[] {
  if (launchesKernels) return [];
  const others = new Set(VMM_PROFILES.filter((row) => row.launchesKernels).map((row) => row.vmm));
  return [
    warning(
      `${kernel}, VMM profile ${name}: no guest of ${vmm} is known to have hashes of a kernel in its digest; those of ${[...others].join(', ')} have`,
    ),
  ];
}

/**
 * What is computed as it was asked for, and yet hardly what was meant: a line each, for standard error.
 * @param profile the VMM profile of the options
 */
export function warningsOf(options: PredictOptions, profile: VmmProfile): string[] {
  const kernel = KERNEL.find((name) => isGiven(options, name));
  const { forcedFeatures, name } = profile;
  const { guestFeatures = forcedFeatures } = options;
  const cut = options.append === undefined ? null : cmdlineCut(options.append);
  return [
    ...(cut === null ? [] : [warning(cut)]),
    ...(kernel === undefined ? [] : kernelWarnings(profile, typed(kernel))),
    ...(forcedFeatures === null || guestFeatures === null || guestFeatures === forcedFeatures
      ? []
      : [
          warning(
            `--guest-features ${hex(guestFeatures)} has no effect: VMM profile ${name} has ${hex(forcedFeatures)} in every VMSA`,
          ),
        ]),
  ];
}
