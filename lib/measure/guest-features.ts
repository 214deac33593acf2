import { SEV_FEATURES } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';

const U64_MAX = (1n << 64n) - 1n;
const SNP_ACTIVE = 1n << BigInt(SEV_FEATURES.SNPActive);

const hexOf = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/**
 * Is this number rather a guest policy? Every policy in use has bit 16 (SMT allowed) and bit 17 (reserved, must be one)
 * and nothing above bit 25; as SEV_FEATURES bit 17 is reserved. Source: AMD 56860, guest policy.
 */
export function looksLikeGuestPolicy(value: bigint): boolean {
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

/**
 * Checks SEV_FEATURES of an SNP guest and gives them back.
 * @throws HarnessError GUEST_FEATURES_INVALID: wider than 64 bits, without bit 0, or a guest policy in its place
 */
export function checkGuestFeatures(features: bigint): bigint {
  const refuse = (what: string, hint: string): HarnessError =>
    new HarnessError({ code: 'GUEST_FEATURES_INVALID', what: `guest features ${hexOf(features)}: ${what}`, hint });
  if (features < 0n || features > U64_MAX) {
    throw refuse('not a number of 64 bits', 'SEV_FEATURES of the VMSA has 64 bits; most guests have 0x1');
  }
  if (looksLikeGuestPolicy(features)) {
    throw refuse(
      'this looks like a guest policy',
      'guest policy (POLICY of the launch, 0x30000 by default) and guest features (SEV_FEATURES in the VMSA, 0x1 or ' +
        '0x21) are different things; the policy is not measured',
    );
  }
  if ((features & SNP_ACTIVE) === 0n) {
    throw refuse(
      'bit 0 (SNPActive) is not set, so this is no SNP guest',
      `did you mean ${hexOf(features | SNP_ACTIVE)}? guest features are SEV_FEATURES of the VMSA, not the guest policy`,
    );
  }
  return features;
}
