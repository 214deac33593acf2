import { HarnessError } from '../errors.ts';

/** One bit of the guest policy. */
interface PolicyBit {
  readonly bit: number;
  /** The specification's name. */
  readonly name: string;
  /** What the guest owner says with the bit set, and with it clear. */
  readonly set: string;
  readonly clear: string;
  /** Is the state that most guests have, and that a line of words leaves out; null: both are worth a word. */
  readonly usual: 0 | 1 | null;
}

/** The named bits of POLICY above the ABI version. Source: AMD 56860, guest policy; bit 25 since ABI 1.58. */
export const GUEST_POLICY_BITS = [
  { bit: 16, name: 'SMT', set: 'SMT allowed', clear: 'SMT must be off', usual: null },
  { bit: 17, name: 'RESERVED_ONE', set: 'as it must be', clear: 'bit 17 CLEAR: no firmware launches this', usual: 1 },
  { bit: 18, name: 'MIGRATE_MA', set: 'migration agent allowed', clear: 'no migration agent', usual: 0 },
  {
    bit: 19,
    name: 'DEBUG',
    set: 'DEBUG ALLOWED: the host may read and change the guest',
    clear: 'no debugging',
    usual: null,
  },
  { bit: 20, name: 'SINGLE_SOCKET', set: 'one socket only', clear: 'any number of sockets', usual: 0 },
  { bit: 21, name: 'CXL_ALLOW', set: 'CXL allowed', clear: 'no CXL devices or memory', usual: 0 },
  {
    bit: 22,
    name: 'MEM_AES_256_XTS',
    set: 'AES-256-XTS required for memory',
    clear: 'AES-128-XEX or AES-256-XTS for memory',
    usual: 0,
  },
  { bit: 23, name: 'RAPL_DIS', set: 'RAPL must be off', clear: 'RAPL may be on', usual: 0 },
  {
    bit: 24,
    name: 'CIPHERTEXT_HIDING_DRAM',
    set: 'ciphertext hiding required',
    clear: 'ciphertext hiding may be off',
    usual: 0,
  },
  {
    bit: 25,
    name: 'PAGE_SWAP_DISABLE',
    set: 'page move and swap commands refused',
    clear: 'page move and swap commands allowed',
    usual: 0,
  },
] as const satisfies readonly PolicyBit[];
export type GuestPolicyBit = (typeof GUEST_POLICY_BITS)[number]['name'];

/** What a guest has that asks for nothing special: SMT allowed, any firmware. QEMU's default too. */
export const DEFAULT_GUEST_POLICY = 0x30000n;

const POLICY_LIMIT = 1n << 64n;
const ABI_MASK = 0xffffn;

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

/** The bit of a name, in place. */
export function guestPolicyMask(name: GuestPolicyBit): bigint {
  return GUEST_POLICY_BITS.reduce((mask, row) => (row.name === name ? mask | (1n << BigInt(row.bit)) : mask), 0n);
}

/** Is a named bit set? */
export function guestPolicyHas(policy: bigint, name: GuestPolicyBit): boolean {
  return (policy & guestPolicyMask(name)) !== 0n;
}

/**
 * Takes a guest policy apart; a policy that no firmware accepts is still a policy.
 * @param policy the 64-bit POLICY of SNP_LAUNCH_START, not the guest features   @throws HarnessError GUEST_POLICY_INVALID
 * Source: AMD 56860, guest policy
 */
export function parseGuestPolicy(policy: bigint): GuestPolicy {
  if (policy < 0n || policy >= POLICY_LIMIT) {
    throw new HarnessError({ code: 'GUEST_POLICY_INVALID', what: `the guest policy ${policy} does not fit 64 bits` });
  }
  const bits = GUEST_POLICY_BITS.map(({ name }) => name).filter((name) => guestPolicyHas(policy, name));
  const known = bits.reduce((mask, name) => mask | guestPolicyMask(name), ABI_MASK);
  return {
    abiMajor: Number((policy >> 8n) & 0xffn),
    abiMinor: Number(policy & 0xffn),
    bits,
    unknownBits: policy & ~known,
  };
}

/**
 * Puts a guest policy together, bit by bit as it is told: bit 17 is set only where `bits` names it.
 * @throws HarnessError GUEST_POLICY_INVALID for a version that does not fit its byte, or unknown bits where named ones are
 */
export function buildGuestPolicy({ abiMajor, abiMinor, bits, unknownBits }: GuestPolicy): bigint {
  const refuse = (what: string): never => {
    throw new HarnessError({ code: 'GUEST_POLICY_INVALID', what });
  };
  for (const version of [abiMajor, abiMinor]) {
    if (!Number.isInteger(version) || version < 0 || version > 0xff)
      refuse(`ABI ${abiMajor}.${abiMinor}: 0 to 255 each`);
  }
  if (parseGuestPolicy(unknownBits).unknownBits !== unknownBits) {
    refuse(`0x${unknownBits.toString(16)} holds bits that have a name`);
  }
  const version = (BigInt(abiMajor) << 8n) | BigInt(abiMinor);
  return bits.reduce((policy, name) => policy | guestPolicyMask(name), version | unknownBits);
}

/** One line of an explanation: a field of the policy, what it holds, and what that means. */
export interface GuestPolicyRow {
  /** The specification's name; RESERVED for bits that have none. */
  field: GuestPolicyBit | 'ABI_MAJOR' | 'ABI_MINOR' | 'RESERVED';
  /** The bits as the specification writes them: `16`, `15:8`. */
  bits: string;
  value: number;
  meaning: string;
  /** Is this why no firmware launches it? */
  wrong: boolean;
}

/** The numbers of the bits that are set, lowest first. */
function bitsOf(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/**
 * Every field of a guest policy, lowest first: the ABI version, each named bit, and each reserved bit that is set.
 * @throws HarnessError GUEST_POLICY_INVALID   Source: AMD 56860, guest policy
 */
export function explainGuestPolicy(policy: bigint): GuestPolicyRow[] {
  const { abiMajor, abiMinor, bits, unknownBits } = parseGuestPolicy(policy);
  const least = `firmware API ${abiMajor}.${abiMinor} or later`;
  const named = GUEST_POLICY_BITS.map(({ bit, name, set, clear }): GuestPolicyRow => {
    const isSet = bits.includes(name);
    const wrong = name === 'RESERVED_ONE' && !isSet;
    return { field: name, bits: String(bit), value: isSet ? 1 : 0, meaning: isSet ? set : clear, wrong };
  });
  const reserved = bitsOf(unknownBits).map((bit): GuestPolicyRow => {
    const meaning = 'reserved, must be 0: no firmware launches this';
    return { field: 'RESERVED', bits: String(bit), value: 1, meaning, wrong: true };
  });
  return [
    { field: 'ABI_MINOR', bits: '7:0', value: abiMinor, meaning: least, wrong: false },
    { field: 'ABI_MAJOR', bits: '15:8', value: abiMajor, meaning: least, wrong: false },
    ...named,
    ...reserved,
  ];
}

/** A guest policy in words, on one line. @throws HarnessError GUEST_POLICY_INVALID */
export function describeGuestPolicy(policy: bigint): string {
  const { abiMajor, abiMinor, bits, unknownBits } = parseGuestPolicy(policy);
  const words = GUEST_POLICY_BITS.flatMap(({ name, set, clear, usual }) => {
    const isSet = bits.includes(name);
    return usual === (isSet ? 1 : 0) ? [] : [isSet ? set : clear];
  });
  const unknown = unknownBits === 0n ? [] : [`reserved bits ${bitsOf(unknownBits).join(', ')}`];
  return `0x${policy.toString(16)}: ${[`firmware API ${abiMajor}.${abiMinor} or later`, ...words, ...unknown].join(', ')}`;
}
