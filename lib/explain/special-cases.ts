import { HarnessError } from '../errors.ts';
import { cmdlineHashOf } from '../measure/kernel-hashes.ts';
import { predict } from '../measure/predict.ts';
import { predictSev, predictSevEs } from '../measure/sev.ts';
import { VMM_PROFILE_WITHOUT_FPU_STATE, vmmProfileOf } from '../measure/vmm-profiles.ts';
import { COUNTED_VCPUS } from './blocks.ts';
import type { CauseId } from './causes.ts';
import type { Change } from './change.ts';
import type { Explanation } from './explanation.ts';
import { adviceText, type Direction } from './explanation.ts';
import type { KnownLaunch } from './launch-state.ts';
import { reorderings } from './reorderings.ts';

const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

function explained(causes: readonly { change: Change; cause: CauseId }[], direction: Direction): Explanation[] {
  const [first] = causes;
  if (first === undefined) return [];
  return [
    {
      changes: causes.map(({ change }) => change),
      kind: 'match',
      cause: first.cause,
      advice: adviceText(causes, direction),
    },
  ];
}

/** The predicted digest with its bytes turned round, as tools and people pass it on. */
function writtenOtherwise(predicted: Uint8Array | null, target: Uint8Array): Explanation[] {
  const found = reorderings(target).find(({ bytes }) => predicted !== null && same(bytes, predicted));
  if (found === undefined) return [];
  const advice = `The digest is the predicted one with ${found.what}. Compare bytes: 48 bytes, 96 hex digits, 64 characters of base64.`;
  return [{ changes: [], kind: 'match', cause: 'digest-written-otherwise', advice }];
}

/** The digest after the pages of a firmware, which is no launch digest yet. */
function pagesOfFirmware(known: KnownLaunch, target: Uint8Array, direction: Direction): Explanation[] {
  const mode = { change: { input: 'mode', from: 'snp', to: 'snp-ovmf-hash' }, cause: 'firmware-pages-only' } as const;
  if (same(known.launch.firmware.pagesDigest, target)) return explained([mode], direction);
  const other = known.firmwaresAtHand.find(({ descriptor }) => same(descriptor.pagesDigest, target));
  if (other === undefined) return [];
  const firmware = {
    change: { input: 'firmware', from: known.firmwareName, to: other.name },
    cause: 'other-firmware',
  } as const;
  return explained([mode, firmware], direction);
}

/** Digests of 32 bytes: the guest is one of SEV or SEV-ES. @param image absent: only a descriptor is at hand */
function legacySev(
  known: KnownLaunch,
  image: Uint8Array | undefined,
  target: Uint8Array,
  direction: Direction,
): Explanation[] {
  if (image === undefined || known.svsmEntry !== undefined || target.length !== 32) return [];
  const { launch } = known;
  const mode = (to: string) => ({ change: { input: 'mode', from: 'snp', to }, cause: 'legacy-sev' }) as const;
  const hashes = [launch.kernelHashes, null];
  const off = { change: { input: 'kernelHashes', from: 'on', to: 'off' }, cause: 'kernel-hashes-off' } as const;
  for (const kernelHashes of hashes) {
    const boot = kernelHashes === launch.kernelHashes ? [] : [off];
    if (attempt(() => predictSev({ image, kernelHashes }), target)) return explained([mode('sev'), ...boot], direction);
    for (const guestFeatures of [0n, 0x20n]) {
      for (const profile of [launch.profile, vmmProfileOf(VMM_PROFILE_WITHOUT_FPU_STATE)]) {
        const inputs = { ...launch, image, kernelHashes, guestFeatures, profile };
        if (!attempt(() => predictSevEs(inputs), target)) continue;
        const generation = {
          change: { input: 'vmmProfile', from: launch.profile.name, to: profile.name },
          cause: 'fpu-state',
        } as const;
        const older = profile.name === launch.profile.name ? [] : [generation];
        return explained([mode('sev-es'), ...boot, ...older], direction);
      }
    }
  }
  return [];
}

/** Does a prediction give the digest? One that cannot be made does not. */
function attempt(predict: () => Uint8Array, target: Uint8Array): boolean {
  try {
    return same(predict(), target);
  } catch (error) {
    if (error instanceof HarnessError) return false;
    throw error;
  }
}

/** Where a command line says how many processors there are. */
const COUNT_IN_CMDLINE = /(?<=(?:^| )(?:nr_cpus|maxcpus|possible_cpus)=)\d+(?= |$)/;

/** A count of vCPUs that stands in -smp and in the command line, and is another in both. */
function countInCmdline(known: KnownLaunch, target: Uint8Array, direction: Direction): Explanation[] {
  const { launch, append } = known;
  if (launch.kernelHashes === null || !append || !COUNT_IN_CMDLINE.test(append)) return [];
  for (let vcpus = 1; vcpus <= COUNTED_VCPUS; vcpus += 1) {
    const text: string = append.replace(COUNT_IN_CMDLINE, String(vcpus));
    const kernelHashes = { ...launch.kernelHashes, cmdline: cmdlineHashOf(text) };
    if (vcpus === launch.vcpus || text === append) continue;
    if (!attempt(() => predict({ ...launch, kernelHashes, vcpus }).launchDigest, target)) continue;
    const count = { input: 'vcpus', from: String(launch.vcpus), to: String(vcpus) } as const;
    const line = { input: 'cmdline', from: append, to: text } as const;
    return explained(
      [count, line].map((change) => ({ change, cause: 'vcpus-in-cmdline' as const })),
      direction,
    );
  }
  return [];
}

/**
 * What is told without a search: the digest is one of another kind, or of a launch in which two inputs that say one thing
 * are both another.
 * @param image absent: only a descriptor of the firmware is at hand   @param predicted null: the inputs have no digest
 */
export function specialCases(
  known: KnownLaunch,
  image: Uint8Array | undefined,
  predicted: Uint8Array | null,
  target: Uint8Array,
  direction: Direction,
): Explanation[] {
  const cases = [
    () => writtenOtherwise(predicted, target),
    () => pagesOfFirmware(known, target, direction),
    () => legacySev(known, image, target, direction),
    () => countInCmdline(known, target, direction),
  ];
  for (const one of cases) {
    const found = one();
    if (found.length > 0) return found;
  }
  return [];
}
