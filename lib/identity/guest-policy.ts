import { HarnessError } from '../errors.ts';

/** One bit of the guest policy. */
interface PolicyBit {
  readonly bit: number;
  /** The specification's name. */
  readonly name: string;
  /** What the guest owner says with the bit set, and with it clear; null: nothing worth saying. */
  readonly set: string;
  readonly clear: string | null;
}

/** The named bits of POLICY above the ABI version. Source: AMD 56860, guest policy; bit 25 since ABI 1.58. */
export const GUEST_POLICY_BITS = [
  { bit: 16, name: 'SMT', set: 'SMT allowed', clear: 'SMT must be off' },
  { bit: 17, name: 'RESERVED_ONE', set: 'bit 17 set, as it must', clear: 'bit 17 CLEAR: no firmware launches this' },
  { bit: 18, name: 'MIGRATE_MA', set: 'migration agent allowed', clear: null },
  { bit: 19, name: 'DEBUG', set: 'DEBUG ALLOWED: the host may read the guest', clear: 'no debugging' },
  { bit: 20, name: 'SINGLE_SOCKET', set: 'one socket only', clear: null },
  { bit: 21, name: 'CXL_ALLOW', set: 'CXL allowed', clear: null },
  { bit: 22, name: 'MEM_AES_256_XTS', set: 'AES-256-XTS required', clear: null },
  { bit: 23, name: 'RAPL_DIS', set: 'RAPL must be off', clear: null },
  { bit: 24, name: 'CIPHERTEXT_HIDING_DRAM', set: 'ciphertext hiding required', clear: null },
  { bit: 25, name: 'PAGE_SWAP_DISABLE', set: 'page swap commands refused', clear: null },
] as const satisfies readonly PolicyBit[];
export type GuestPolicyBit = (typeof GUEST_POLICY_BITS)[number]['name'];

/** The 64-bit POLICY taken apart. */
export interface GuestPolicy {
  /** The least firmware API that may launch the guest. */
  abiMajor: number;
  abiMinor: number;
  /** The named bits that are set, lowest first. */
  bits: readonly GuestPolicyBit[];
  /** Set bits without a name, in place; 0n where there are none. */
  unknownBits: bigint;
}

/**
 * Takes a guest policy apart; a policy that no firmware accepts is still a policy.
 * @param policy the 64-bit POLICY of SNP_LAUNCH_START, not the guest features   @throws HarnessError GUEST_POLICY_INVALID
 * Source: AMD 56860, guest policy
 */
export function parseGuestPolicy(policy: bigint): GuestPolicy {
  if (policy < 0n || policy >= 1n << 64n) {
    throw new HarnessError({ code: 'GUEST_POLICY_INVALID', what: `the guest policy ${policy} does not fit 64 bits` });
  }
  const set = GUEST_POLICY_BITS.filter(({ bit }) => ((policy >> BigInt(bit)) & 1n) === 1n);
  const known = set.reduce((mask, { bit }) => mask | (1n << BigInt(bit)), 0xffffn);
  return {
    abiMajor: Number((policy >> 8n) & 0xffn),
    abiMinor: Number(policy & 0xffn),
    bits: set.map(({ name }) => name),
    unknownBits: policy & ~known,
  };
}

/** A guest policy in words, on one line. @throws HarnessError GUEST_POLICY_INVALID */
export function describeGuestPolicy(policy: bigint): string {
  const { abiMajor, abiMinor, bits, unknownBits } = parseGuestPolicy(policy);
  const words = GUEST_POLICY_BITS.map(({ name, set, clear }) => {
    if (!bits.includes(name)) return clear;
    return name === 'RESERVED_ONE' ? null : set;
  });
  const unknown = unknownBits === 0n ? null : `unknown bits 0x${unknownBits.toString(16)}`;
  const parts = [`firmware API ${abiMajor}.${abiMinor} or later`, ...words, unknown].filter((part) => part !== null);
  return `0x${policy.toString(16)}: ${parts.join(', ')}`;
}
