import type { Platform } from './platform.ts';

/** A feature word of CPUID. */
export interface FeaturePlace {
  leaf: number;
  subleaf: number;
  register: 'eax' | 'ebx' | 'ecx' | 'edx';
}

interface FeatureRow extends FeaturePlace {
  /** What a Genoa or Turin processor has. */
  word: number;
  /** Those of them that a Milan processor lacks. */
  milanLacks?: number;
}

/**
 * The feature words that the firmware holds a guest's CPUID page against. Source: AMD 57238 and 57228 (PPR); which bits
 * that KVM makes up the firmware does not know shows in what QEMU masks for SNP guests (TSC_DEADLINE, TSC_ADJUST, SPEC_CTRL
 * and its like; target/i386/sev.c, sev_snp_mask_cpuid_features) and in reports of CPUID validation that failed.
 */
const FEATURE_WORDS: readonly FeatureRow[] = [
  // Without TSC_DEADLINE (24).
  { leaf: 0x1, subleaf: 0, register: 'ecx', word: 0xfefa3203 },
  { leaf: 0x1, subleaf: 0, register: 'edx', word: 0x178bfbff },
  // Without TSC_ADJUST (1); Milan lacks AVX512F, DQ, IFMA, CD, BW, VL.
  { leaf: 0x7, subleaf: 0, register: 'ebx', word: 0xf1bf07a9, milanLacks: 0xd0230000 },
  // Milan lacks AVX512_VBMI, VBMI2, GFNI, VNNI, BITALG, VPOPCNTDQ, LA57, CLDEMOTE, MOVDIRI.
  { leaf: 0x7, subleaf: 0, register: 'ecx', word: 0x0a415fce, milanLacks: 0x0a015942 },
  // FSRM and VP2INTERSECT; SPEC_CTRL, STIBP, FLUSH_L1D, ARCH_CAPABILITIES, SSBD in Intel's places are not AMD's.
  { leaf: 0x7, subleaf: 0, register: 'edx', word: 0x00000110, milanLacks: 0x00000100 },
  { leaf: 0x7, subleaf: 1, register: 'eax', word: 0x00000830, milanLacks: 0x00000830 },
  { leaf: 0x80000001, subleaf: 0, register: 'ecx', word: 0x75c237ff },
  { leaf: 0x80000001, subleaf: 0, register: 'edx', word: 0x2fd3fbff },
  // Without VIRT_SSBD (25).
  { leaf: 0x80000008, subleaf: 0, register: 'ebx', word: 0x111ef257 },
  // Without SBPB (27) and IBPB_BRTYPE (28), which Linux sets when the microcode has them. Milan lacks AUTO_IBRS.
  { leaf: 0x80000021, subleaf: 0, register: 'eax', word: 0x00000b4f, milanLacks: 0x00000100 },
];

type Product = Pick<Platform, 'product'>;

const rowOf = (place: FeaturePlace): FeatureRow | undefined =>
  FEATURE_WORDS.find(
    ({ leaf, subleaf, register }) => leaf === place.leaf && subleaf === place.subleaf && register === place.register,
  );

/** What a product line lacks of the features of a Genoa processor, in one word. */
export function lackedFeatures({ product }: Product, place: FeaturePlace): number {
  return product === 'Milan' ? (rowOf(place)?.milanLacks ?? 0) : 0;
}

/** A feature word of the emulated processor; undefined for a word that the firmware does not look at. */
export function featureWord(platform: Product, place: FeaturePlace): number | undefined {
  const row = rowOf(place);
  return row && (row.word & ~lackedFeatures(platform, place)) >>> 0;
}

/** CPUID 1 EAX. Source: AMD 24594, CPUID Fn0000_0001_EAX */
export function processorSignature({ cpuid }: Pick<Platform, 'cpuid'>): number {
  const { family, model, stepping } = cpuid;
  return (((family - 0xf) << 20) | ((model >> 4) << 16) | (0xf << 8) | ((model & 0xf) << 4) | stepping) >>> 0;
}
