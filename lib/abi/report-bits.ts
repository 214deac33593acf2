import type { NamedBit } from './bits.ts';

/**
 * PLATFORM_INFO of a report. Source: AMD 56860, ATTESTATION_REPORT structure. Bit 6 is set in every report of a Turin
 * chip; its name is that of one verifier's release.
 */
export const PLATFORM_INFO_BITS = [
  { bit: 0, name: 'SMT_EN', meaning: 'SMT is on' },
  { bit: 1, name: 'TSME_EN', meaning: 'all memory is encrypted (TSME)' },
  { bit: 2, name: 'ECC_EN', meaning: 'memory has ECC' },
  { bit: 3, name: 'RAPL_DIS', meaning: 'RAPL is off' },
  { bit: 4, name: 'CIPHERTEXT_HIDING_DRAM_EN', meaning: 'the ciphertext in DRAM is hidden from the host' },
  { bit: 5, name: 'ALIAS_CHECK_COMPLETE', meaning: 'DRAM was searched for aliases (BadRAM)' },
  { bit: 6, name: 'IOMMU_WRITE_SAFE', meaning: 'the IOMMU cannot write guest memory' },
  { bit: 7, name: 'TIO_EN', meaning: 'SEV-TIO is on' },
] as const satisfies readonly NamedBit[];
export type PlatformInfoBit = (typeof PLATFORM_INFO_BITS)[number]['name'];

/** The named bits of the key information at 0x48. Source: AMD 56860, ATTESTATION_REPORT structure. */
export const KEY_INFO_BITS = [
  { bit: 0, name: 'AUTHOR_KEY_EN', meaning: 'launched with an author key' },
  { bit: 1, name: 'MASK_CHIP_KEY', meaning: 'the host disabled signing with the chip key' },
] as const satisfies readonly NamedBit[];

/** The values of SIGNING_KEY, bits 4:2 of the key information, that have a meaning; the others are reserved. */
export const SIGNING_KEYS = { VCEK: 0, VLEK: 1, none: 7 } as const;
