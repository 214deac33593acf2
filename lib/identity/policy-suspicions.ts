import { SEV_FEATURES } from '../abi/vmsa.ts';
import {
  DEFAULT_GUEST_POLICY,
  type GuestPolicyBit,
  guestPolicyHas,
  guestPolicyMask,
  parseGuestPolicy,
} from './guest-policy.ts';

/** What a number that no firmware launches was probably meant to be. */
export interface PolicySuspicion {
  /** guest-features: the SEV_FEATURES of a VMSA. typo: a policy written wrongly. */
  kind: 'guest-features' | 'typo';
  /** The policy that was probably meant; null: it cannot be told. */
  meant: bigint | null;
  /** Why, in words. */
  why: string;
}

const SNP_ACTIVE = 1n << BigInt(SEV_FEATURES.SNPActive);

/**
 * The bits of SEV_FEATURES: a number of these alone, SNPActive among them, is nobody's policy. Not SecureAVIC, whose bit is
 * SMT in a policy: 0x10001 is rather a policy without its bit 17.
 */
const FEATURE_BITS = Object.entries(SEV_FEATURES).reduce(
  (mask, [name, bit]) => (name === 'SecureAVIC' ? mask : mask | (1n << BigInt(bit))),
  0n,
);

/** The bits that policies in use have; a guess that needs others is no good guess. */
const USUAL_BITS: readonly GuestPolicyBit[] = ['SMT', 'RESERVED_ONE', 'MIGRATE_MA', 'DEBUG', 'SINGLE_SOCKET'];

/** Can some firmware launch this policy? Bit 17 is set, and no reserved bit is. */
export function guestPolicyIsValid(policy: bigint): boolean {
  return guestPolicyHas(policy, 'RESERVED_ONE') && parseGuestPolicy(policy).unknownBits === 0n;
}

function isUsual(policy: bigint): boolean {
  const { abiMajor, bits } = parseGuestPolicy(policy);
  return guestPolicyIsValid(policy) && abiMajor <= 1 && bits.every((bit) => USUAL_BITS.includes(bit));
}

/** The bytes of a number the other way around. @param bytes 4 or 8 */
function swapped(value: bigint, bytes: number): bigint {
  const text = value.toString(16).padStart(bytes * 2, '0');
  return BigInt(`0x${(text.match(/../g) ?? []).reverse().join('')}`);
}

/** Ways to write a policy wrongly: what was meant, were it this one, and how it went wrong. */
function readings(policy: bigint): { meant: bigint; why: string }[] {
  const decimal = policy.toString(10);
  const digits = [1n, 2n, 3n, 4n];
  const count = (many: bigint): string => (many === 1n ? 'one hex digit' : `${many} hex digits`);
  return [
    { meant: BigInt(`0x${decimal}`), why: `the hex digits ${decimal} without 0x` },
    ...digits.map((many) => ({ meant: policy >> (4n * many), why: `${count(many)} too many` })),
    ...digits.map((many) => ({ meant: policy << (4n * many), why: `${count(many)} too few` })),
    ...[4, 8].map((bytes) => ({ meant: swapped(policy, bytes), why: `its ${bytes} bytes the other way around` })),
    { meant: policy | guestPolicyMask('RESERVED_ONE'), why: 'bit 17, which must be one, forgotten' },
  ];
}

/**
 * What a policy that no firmware launches looks like: guest features (0x1, 0x21), or a policy written wrongly (0x300000,
 * 30000, 0x10000).
 * @returns null for a policy that some firmware launches, and where nothing is alike   @throws HarnessError GUEST_POLICY_INVALID
 */
export function policySuspicion(policy: bigint): PolicySuspicion | null {
  if (guestPolicyIsValid(policy)) return null;
  const allFeatures = (policy & SNP_ACTIVE) !== 0n && (policy & ~FEATURE_BITS) === 0n;
  if (allFeatures && !guestPolicyHas(policy, 'RESERVED_ONE')) {
    return {
      kind: 'guest-features',
      meant: DEFAULT_GUEST_POLICY,
      why: 'these are bits of the guest features (SEV_FEATURES in the VMSA), which are something else than the policy',
    };
  }
  const read = readings(policy).find(({ meant }) => meant < 1n << 64n && isUsual(meant));
  return read === undefined ? null : { kind: 'typo', ...read };
}
