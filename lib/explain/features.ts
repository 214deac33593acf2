import { SEV_FEATURES } from '../abi/vmsa.ts';
import type { CauseId } from './causes.ts';
import type { LaunchState } from './launch-state.ts';
import type { Likelihood, Option } from './option.ts';

const bit = (name: keyof typeof SEV_FEATURES): bigint => 1n << BigInt(SEV_FEATURES[name]);
const SNP = bit('SNPActive');

/** SEV_FEATURES that hosts are known to have measured, the most usual first. Source: docs/mismatch-causes.md. */
const MASKS: readonly (readonly [bigint, Likelihood])[] = [
  [SNP, 'top'],
  [SNP | bit('DebugSwap'), 'top'],
  [SNP | bit('SecureTSC'), 'top'],
  [SNP | bit('DebugSwap') | bit('SecureTSC'), 'core'],
  [SNP | bit('RestrictedInjection'), 'core'],
  [SNP | bit('AlternateInjection'), 'core'],
  [SNP | bit('RestrictedInjection') | bit('DebugSwap'), 'core'],
  [SNP | bit('AlternateInjection') | bit('DebugSwap'), 'core'],
  [SNP | bit('ReflectVC') | bit('RestrictedInjection'), 'core'],
  [SNP | bit('ReflectVC') | bit('AlternateInjection'), 'core'],
  [SNP | bit('VmsaRegProt'), 'core'],
  [SNP | bit('IBPBOnEntry'), 'core'],
  [SNP | bit('SecureAVIC'), 'core'],
];

/** Bits that are set together in practice: pairs of them are usual, every set is tried. */
const COMBINED = [
  'vTOM',
  'ReflectVC',
  'RestrictedInjection',
  'AlternateInjection',
  'DebugSwap',
  'SecureTSC',
  'VmsaRegProt',
  'IBPBOnEntry',
] as const;

/** All sums of some of these numbers. */
function subsetSums(values: readonly bigint[]): bigint[] {
  return values.reduce<bigint[]>((sums, value) => sums.concat(sums.map((sum) => sum | value)), [0n]);
}

function causeOf(from: bigint, to: bigint): CauseId {
  const difference = from ^ to;
  if (difference === bit('DebugSwap')) return 'debug-swap';
  if (difference === bit('SecureTSC')) return 'secure-tsc';
  if ((difference & ~(bit('RestrictedInjection') | bit('AlternateInjection'))) === 0n) return 'injection';
  return 'guest-features';
}

/** The guest features that a host may have measured in place of those of the prediction. */
export function featureOptions({ features: from }: LaunchState): Option[] {
  const bits = Array.from({ length: 63 }, (_, index) => 1n << BigInt(index + 1));
  const candidates: (readonly [bigint, Likelihood])[] = [
    ...MASKS,
    ...bits.map((one) => [from ^ one, 'core'] as const),
    ...COMBINED.flatMap((one, index) =>
      COMBINED.slice(index + 1).map((other) => [SNP | bit(one) | bit(other), 'usual'] as const),
    ),
    ...subsetSums(COMBINED.map(bit)).map((sum) => [SNP | sum, 'wide'] as const),
    ...bits.flatMap((one, index) => bits.slice(index + 1).map((other) => [from ^ one ^ other, 'wide'] as const)),
  ];
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  return candidates
    .filter(([to]) => to !== from)
    .map(([to, likelihood]) => ({
      change: { input: 'guestFeatures', from: hex(from), to: hex(to) },
      cause: causeOf(from, to),
      likelihood,
      set: { features: to },
    }));
}
