import {
  GUEST_POLICY_BITS,
  type GuestPolicyBit,
  guestPolicyHas,
  guestPolicyMask,
  parseGuestPolicy,
} from './guest-policy.ts';
import { apiIsOlder, type PolicyHostFacts } from './policy-host-facts.ts';

/** Why a host does not give what a policy asks for. */
export interface Reason {
  /** likely: inferred from the kernel's release or the product line; certain: from what the host said. */
  certainty: 'certain' | 'likely';
  why: string;
  remedy: string;
}

/** What is found of one field: a reason, nothing wrong, or that the facts do not tell. */
export type Found = Reason | 'met' | 'unknown';

/** What a policy asks of the platform, as the firmware checks it. */
export interface PlatformRule {
  /** The specification's name; ABI for the version. */
  readonly field: GuestPolicyBit | 'ABI';
  /** The bits as the specification writes them: `16`, `15:0`. */
  readonly bits: string;
  /** Does this policy ask for anything here? */
  readonly asks: (policy: bigint) => boolean;
  readonly find: (policy: bigint, facts: PolicyHostFacts) => Found;
}

/** A reason that the host itself gave. */
export function certain(why: string, remedy: string): Reason {
  return { certainty: 'certain', why, remedy };
}

/** How the firmware announces a policy bit: ECX of leaf 0x80000024. Source: AMD 56860, SNP_FEATURE_INFO. */
const ANNOUNCED_BY_ECX: Readonly<Partial<Record<GuestPolicyBit, number>>> = {
  RAPL_DIS: 2,
  CIPHERTEXT_HIDING_DRAM: 3,
  MEM_AES_256_XTS: 4,
  CXL_ALLOW: 5,
};

/** The API that brought PAGE_SWAP_DISABLE; before, the bit is reserved. Source: AMD 56860, guest policy. */
const PAGE_SWAP_API = { major: 1, minor: 58 } as const;

/**
 * What the processors of a product line do not have, whatever their firmware: CXL and 256-bit memory encryption came with
 * EPYC 9004, ciphertext hiding with EPYC 9005. Source: AMD, product descriptions of EPYC 7003, 9004 and 9005.
 */
const LACKING: Readonly<Record<string, readonly GuestPolicyBit[]>> = {
  milan: ['CXL_ALLOW', 'MEM_AES_256_XTS', 'CIPHERTEXT_HIDING_DRAM'],
  genoa: ['CIPHERTEXT_HIDING_DRAM'],
  'bergamo or siena': ['CIPHERTEXT_HIDING_DRAM'],
  bergamo: ['CIPHERTEXT_HIDING_DRAM'],
  siena: ['CIPHERTEXT_HIDING_DRAM'],
};

/** Does the firmware know a bit that not every firmware knows? undefined: nobody asked it. */
export function firmwareKnows(bit: GuestPolicyBit, facts: PolicyHostFacts): boolean | undefined {
  if (bit === 'PAGE_SWAP_DISABLE') {
    const older = apiIsOlder(facts, PAGE_SWAP_API);
    return older === undefined ? undefined : !older;
  }
  const ecxBit = ANNOUNCED_BY_ECX[bit];
  if (ecxBit === undefined) return true;
  return facts.featureInfoEcx === undefined ? undefined : ((facts.featureInfoEcx >>> ecxBit) & 1) === 1;
}

/** Does this platform have the feature that a bit is about? */
function support(bit: GuestPolicyBit, facts: PolicyHostFacts): Found {
  const known = firmwareKnows(bit, facts);
  if (known === true) return 'met';
  if (known === false && bit === 'PAGE_SWAP_DISABLE') {
    const why = `the bit came with firmware API 1.58 and is reserved before; this is ${facts.apiMajor}.${facts.apiMinor}`;
    return certain(why, 'clear the bit, or update the firmware');
  }
  if (known === false) {
    const why = `the firmware does not announce the feature: bit ${ANNOUNCED_BY_ECX[bit]} of SNP_FEATURE_INFO ECX is 0`;
    return certain(why, 'clear the bit, or update the firmware');
  }
  const line = facts.productLine ?? '';
  if (LACKING[line.toLowerCase()]?.includes(bit) !== true) return 'unknown';
  const why = `${line} processors do not have the feature`;
  return { certainty: 'likely', why, remedy: 'clear the bit, or launch on a newer product line' };
}

function asked(met: boolean | undefined, reason: Reason): Found {
  if (met === undefined) return 'unknown';
  return met ? 'met' : reason;
}

/** A rule about one bit that asks for something when it is set, or when it is clear. */
function bitRule(name: GuestPolicyBit, asksWhen: 'set' | 'clear', find: (facts: PolicyHostFacts) => Found) {
  const bits = String(GUEST_POLICY_BITS.find((row) => row.name === name)?.bit);
  return {
    field: name,
    bits,
    asks: (policy) => guestPolicyHas(policy, name) === (asksWhen === 'set'),
    find: (_, facts) => find(facts),
  } as const satisfies PlatformRule;
}

/** The first that is a reason; else the first that is not met. */
function worst(...found: readonly Found[]): Found {
  return found.find((each) => typeof each === 'object') ?? found.find((each) => each === 'unknown') ?? 'met';
}

/**
 * What the firmware checks of the platform, by bit; SINGLE_SOCKET last, for it is checked when the guest is activated.
 * Source: AMD 56860, guest policy, SNP_LAUNCH_START and SNP_ACTIVATE.
 */
export const PLATFORM_RULES: readonly PlatformRule[] = [
  {
    field: 'ABI',
    bits: '15:0',
    asks: (policy) => (policy & 0xffffn) !== 0n,
    find: (policy, facts) => {
      const { abiMajor, abiMinor } = parseGuestPolicy(policy);
      const older = apiIsOlder(facts, { major: abiMajor, minor: abiMinor });
      const why = `the policy wants firmware API ${abiMajor}.${abiMinor} or later, this is ${facts.apiMajor}.${facts.apiMinor}`;
      return asked(older === undefined ? undefined : !older, certain(why, 'lower the version, or update the firmware'));
    },
  },
  bitRule('SMT', 'clear', ({ smtActive }) =>
    asked(
      smtActive === undefined ? undefined : !smtActive,
      certain('the policy forbids SMT, and SMT is on', 'set the bit, or switch SMT off in the BIOS'),
    ),
  ),
  bitRule('CXL_ALLOW', 'set', (facts) => support('CXL_ALLOW', facts)),
  bitRule('CXL_ALLOW', 'clear', ({ cxlPresent }) =>
    cxlPresent === true
      ? { certainty: 'likely', why: 'the policy forbids CXL, and there is some', remedy: 'set the bit' }
      : 'met',
  ),
  bitRule('MEM_AES_256_XTS', 'set', (facts) =>
    worst(
      support('MEM_AES_256_XTS', facts),
      asked(
        facts.memAes256Xts,
        certain(
          'the policy wants AES-256-XTS for memory, and memory is encrypted with AES-128',
          'clear the bit, or choose AES-256 in the BIOS',
        ),
      ),
    ),
  ),
  bitRule('RAPL_DIS', 'set', (facts) =>
    worst(
      support('RAPL_DIS', facts),
      asked(
        facts.raplDisabled,
        certain(
          'the policy wants RAPL off, and it is on',
          'clear the bit, or have the firmware initialised without RAPL',
        ),
      ),
    ),
  ),
  bitRule('CIPHERTEXT_HIDING_DRAM', 'set', (facts) =>
    worst(
      support('CIPHERTEXT_HIDING_DRAM', facts),
      asked(
        facts.ciphertextHiding,
        certain(
          'the policy wants ciphertext hiding, and it is off',
          'clear the bit, or load kvm_amd with ciphertext_hiding_asids=N (Linux 6.18 and later)',
        ),
      ),
    ),
  ),
  bitRule('PAGE_SWAP_DISABLE', 'set', (facts) => support('PAGE_SWAP_DISABLE', facts)),
  bitRule('SINGLE_SOCKET', 'set', ({ sockets }) =>
    asked(
      sockets === undefined ? undefined : sockets === 1,
      certain(
        `the policy wants one socket, this host has ${sockets}`,
        'clear the bit, or launch on a host of one socket',
      ),
    ),
  ),
];

/** The bits that some firmware knows and this one announces; those that nobody asked about apart. */
export function announcedBits(facts: PolicyHostFacts): { known: bigint; unasked: bigint } {
  const masks = { known: 0n, unasked: 0n };
  for (const { name } of GUEST_POLICY_BITS) {
    const known = firmwareKnows(name, facts);
    if (known === true) masks.known |= guestPolicyMask(name);
    if (known === undefined) masks.unasked |= guestPolicyMask(name);
  }
  return masks;
}
