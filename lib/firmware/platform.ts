/**
 * The bits of the guest policy that a platform may know or not, by their place. Firmware that does not announce one takes
 * it for reserved. Source: AMD 56860, guest policy and SNP_FEATURE_INFO; bit 25 since ABI 1.58.
 */
export const ANNOUNCED_POLICY_BITS = {
  CXL_ALLOW: 21n,
  MEM_AES_256_XTS: 22n,
  RAPL_DIS: 23n,
  CIPHERTEXT_HIDING_DRAM: 24n,
  PAGE_SWAP_DISABLE: 25n,
} as const;
export type AnnouncedPolicyBit = keyof typeof ANNOUNCED_POLICY_BITS;

/** Those among them that ask something of the machine; the others only permit or forbid later commands. */
export const CONDITIONAL_POLICY_BITS = ['MEM_AES_256_XTS', 'RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'] as const;
export type ConditionalPolicyBit = (typeof CONDITIONAL_POLICY_BITS)[number];

/** What the emulated platform is: the values that launches and reports depend on. */
export interface Platform {
  product: string;
  apiMajor: number;
  apiMinor: number;
  build: number;
  smtEnabled: boolean;
  sockets: number;
  /** Policy bits that the firmware knows beyond bit 20. */
  announces: readonly AnnouncedPolicyBit[];
  /** Those whose condition the machine meets. */
  meets: readonly ConditionalPolicyBit[];
  /** TCB_VERSION, the same for current, committed, reported and launch. */
  tcb: bigint;
  /** 64 bytes. */
  chipId: Uint8Array;
  /** CPUID family, model, stepping as a report gives them. */
  cpuid: { family: number; model: number; stepping: number };
}

/** The announced policy bits as a mask. */
export function announcedMask({ announces }: Pick<Platform, 'announces'>): bigint {
  return announces.reduce((mask, name) => mask | (1n << ANNOUNCED_POLICY_BITS[name]), 0n);
}

/** PLATFORM_INFO of a report. Source: AMD 56860, ATTESTATION_REPORT, PLATFORM_INFO. */
export function platformInfo({ smtEnabled, meets }: Platform): bigint {
  return (
    (smtEnabled ? 1n << 0n : 0n) |
    (meets.includes('RAPL_DIS') ? 1n << 3n : 0n) |
    (meets.includes('CIPHERTEXT_HIDING_DRAM') ? 1n << 4n : 0n)
  );
}
