import { SEV_FEATURES } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import { mostSimilar } from '../similar.ts';

const U64_MAX = (1n << 64n) - 1n;
const SNP_ACTIVE = 1n << BigInt(SEV_FEATURES.SNPActive);

/** Every bit that has a name. */
const DEFINED = Object.values(SEV_FEATURES).reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);

const hexOf = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

function refused(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'GUEST_FEATURES_INVALID', what: `guest features ${what}`, hint });
}

/**
 * Is this number rather a guest policy? Every policy in use has bit 16 (SMT allowed) and bit 17 (reserved, must be one)
 * and nothing above bit 25; as SEV_FEATURES bit 17 is reserved. Source: AMD 56860, guest policy.
 */
function looksLikeGuestPolicy(value: bigint): boolean {
  const policyBits = 3n << 16n;
  return (value & policyBits) === policyBits && value < 1n << 26n;
}

/** The names of the bits that are set, `bit 17` for one without a name. */
export function guestFeatureNames(features: bigint): string[] {
  const names = new Map<number, string>(Object.entries(SEV_FEATURES).map(([name, bit]) => [bit, name]));
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (features >> BigInt(bit)) & 1n)
    .map((bit) => names.get(bit) ?? `bit ${bit}`);
}

function featureOfName(name: string, text: string): bigint {
  const found = Object.entries(SEV_FEATURES).find(([known]) => known.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return 1n << BigInt(found[1]);
  const names = Object.keys(SEV_FEATURES);
  const close = mostSimilar(name, names);
  throw refused(
    `${JSON.stringify(text)}: there is no feature ${JSON.stringify(name)}`,
    `${close === undefined ? '' : `did you mean ${close}? `}known: ${names.join(', ')}; or give a number, 0x hex or decimal`,
  );
}

/**
 * Reads SEV_FEATURES as people write them: a number, or names joined by `+`, in any case.
 * @returns what is written, not yet checked   @throws HarnessError GUEST_FEATURES_INVALID, with a name like a wrong one
 */
export function readGuestFeatures(text: string): bigint {
  if (/^(?:0x[0-9a-f]+|[0-9]+)$/i.test(text)) {
    if (text.length <= 40 && BigInt(text) <= U64_MAX) return BigInt(text);
    throw refused(`${text.slice(0, 40)}: not a number of 64 bits`, 'SEV_FEATURES of the VMSA has 64 bits');
  }
  return text.split('+').reduce((features, name) => features | featureOfName(name.trim(), text), 0n);
}

/** @throws HarnessError GUEST_FEATURES_INVALID for more than 64 bits */
function checkNumber(features: bigint): void {
  if (features >= 0n && features <= U64_MAX) return;
  throw refused(
    `${hexOf(features)}: not a number of 64 bits`,
    'SEV_FEATURES of the VMSA has 64 bits; most guests have 0x1',
  );
}

/**
 * Refuses what is rather a guest policy: 0x30000, 0x3001f.
 * @throws HarnessError GUEST_FEATURES_INVALID
 */
export function refuseGuestPolicy(features: bigint): void {
  if (!looksLikeGuestPolicy(features)) return;
  throw refused(
    `${hexOf(features)}: this looks like a guest policy`,
    'guest policy (POLICY of the launch, 0x30000 by default) and guest features (SEV_FEATURES in the VMSA, 0x1 or ' +
      '0x21) are different things; the policy is not measured',
  );
}

/**
 * Checks SEV_FEATURES of an SNP guest and gives them back. Reserved bits pass: a newer processor may give them a name.
 * @throws HarnessError GUEST_FEATURES_INVALID: wider than 64 bits, without bit 0, or a guest policy in its place
 */
export function checkGuestFeatures(features: bigint): bigint {
  checkNumber(features);
  if ((features & SNP_ACTIVE) !== 0n) return features;
  refuseGuestPolicy(features);
  throw refused(
    `${hexOf(features)}: bit 0 (SNPActive) is not set, so this is no SNP guest`,
    `did you mean ${hexOf(features | SNP_ACTIVE)}? guest features are SEV_FEATURES of the VMSA, not the guest policy`,
  );
}

/**
 * Checks SEV_FEATURES of an SEV-ES guest and gives them back.
 * @throws HarnessError GUEST_FEATURES_INVALID: wider than 64 bits, with bit 0, or a guest policy in its place
 */
export function checkSevEsFeatures(features: bigint): bigint {
  checkNumber(features);
  refuseGuestPolicy(features);
  if ((features & SNP_ACTIVE) === 0n) return features;
  throw refused(
    `${hexOf(features)}: bit 0 (SNPActive) is set, so this is no SEV-ES guest`,
    `an SEV-ES guest has 0x0, or 0x20 (DebugSwap) where it asks for that; SNP guests are --mode snp`,
  );
}

/** The names of the bits that are set and that no processor defines. */
export const reservedFeatures = (features: bigint): string[] => guestFeatureNames(features & ~DEFINED);

/**
 * Refuses reserved bits, a guest policy with its bit 17 among them, for those who do not ask for them on purpose.
 * @throws HarnessError GUEST_FEATURES_INVALID, naming them
 */
export function refuseReservedFeatures(features: bigint): void {
  refuseGuestPolicy(features);
  const reserved = reservedFeatures(features);
  if (reserved.length === 0) return;
  throw refused(
    `${hexOf(features)}: ${reserved.join(', ')} ${reserved.length === 1 ? 'is' : 'are'} reserved`,
    `no processor defines them; --allow-reserved-features predicts with them all the same`,
  );
}
