/**
 * The bits of the guest policy that SNP_FEATURE_INFO announces, by their place. Firmware that does not announce one takes
 * it for reserved. Source: AMD 56860, guest policy and SNP_FEATURE_INFO
 */
export const ANNOUNCED_POLICY_BITS = {
  CXL_ALLOW: 21n,
  MEM_AES_256_XTS: 22n,
  RAPL_DIS: 23n,
  CIPHERTEXT_HIDING_DRAM: 24n,
} as const;
export type AnnouncedPolicyBit = keyof typeof ANNOUNCED_POLICY_BITS;

/** Those among them that ask something of the machine; CXL_ALLOW only permits. */
export const CONDITIONAL_POLICY_BITS = ['MEM_AES_256_XTS', 'RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'] as const;
export type ConditionalPolicyBit = (typeof CONDITIONAL_POLICY_BITS)[number];

/** PAGE_SWAP_DISABLE, which came with an ABI version and is announced by that. Source: AMD 56860, guest policy */
const PAGE_SWAP_DISABLE = { bit: 1n << 25n, apiMajor: 1, apiMinor: 58 } as const;

/** The product lines that an emulated host can pass for. */
export const PRODUCT_NAMES = ['Milan', 'Genoa', 'Turin'] as const;
export type ProductName = (typeof PRODUCT_NAMES)[number];

/** The versions of reports that firmware writes. */
export const WRITTEN_REPORT_VERSIONS = [2, 3, 5] as const;
export type ReportVersion = (typeof WRITTEN_REPORT_VERSIONS)[number];

/** A version of the firmware's ABI. */
export type ApiVersion = Pick<Platform, 'apiMajor' | 'apiMinor'>;

/** What the emulated platform is: the values that launches and reports depend on. */
export interface Platform {
  product: ProductName;
  apiMajor: number;
  apiMinor: number;
  build: number;
  smtEnabled: boolean;
  sockets: number;
  /** Policy bits that the firmware knows beyond bit 20, PAGE_SWAP_DISABLE aside. */
  announces: readonly AnnouncedPolicyBit[];
  /** Those whose condition the machine meets. */
  meets: readonly ConditionalPolicyBit[];
  /** TCB_VERSION: what runs, is committed, and was there at launch. */
  tcb: bigint;
  /** REPORTED_TCB, which SNP_CONFIG may set lower: signing keys and certificates are of that. */
  reportedTcb: bigint;
  /** The version of the reports that the firmware writes. */
  reportVersion: ReportVersion;
  /** Does the host show a CHIP_ID of zeros? */
  chipIdMasked: boolean;
  /** Has the host disabled signing with the chip's key? */
  chipKeyMasked: boolean;
  /** Has a cloud provider's key been loaded? It signs reports in place of the chip's. */
  vlekLoaded: boolean;
  /** The mitigations that were verified, as reports since version 5 state them. */
  mitigations: bigint;
  /** 64 bytes. */
  chipId: Uint8Array;
  /** CPUID family, model, stepping as a report gives them. */
  cpuid: { family: number; model: number; stepping: number };
}

/** Is the firmware's ABI at least this version? */
export function hasApi({ apiMajor, apiMinor }: ApiVersion, wanted: ApiVersion): boolean {
  return apiMajor > wanted.apiMajor || (apiMajor === wanted.apiMajor && apiMinor >= wanted.apiMinor);
}

/** The policy bits beyond bit 20 that the firmware knows. */
export function announcedMask(platform: Platform): bigint {
  const pageSwap = hasApi(platform, PAGE_SWAP_DISABLE) ? PAGE_SWAP_DISABLE.bit : 0n;
  return platform.announces.reduce((mask, name) => mask | (1n << ANNOUNCED_POLICY_BITS[name]), pageSwap);
}

/** PLATFORM_INFO of a report. Source: AMD 56860, ATTESTATION_REPORT, PLATFORM_INFO. */
export function platformInfo({ smtEnabled, meets }: Platform): bigint {
  return (
    (smtEnabled ? 1n << 0n : 0n) |
    (meets.includes('RAPL_DIS') ? 1n << 3n : 0n) |
    (meets.includes('CIPHERTEXT_HIDING_DRAM') ? 1n << 4n : 0n)
  );
}

/**
 * What an emulated host has for an extended request: nothing, as the kernel upstream; the certificates of its key; those of
 * before the last firmware update, which nobody renewed; those of the machine that its disk came from; or ones that have
 * run out.
 */
export const HOST_CACHES = ['empty', 'present', 'stale', 'other-chip', 'expired'] as const;
export type HostCache = (typeof HOST_CACHES)[number];
