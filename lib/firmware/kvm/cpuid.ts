import type { Platform } from '../platform.ts';
import { lackedFeatures, processorSignature } from '../processor.ts';

/** One row of KVM_GET_SUPPORTED_CPUID. */
export interface CpuidEntry {
  leaf: number;
  /** Set where the leaf has subleaves; it makes the index significant. */
  subleaf?: number;
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

const SIGNIFICANT_INDEX = 1;
/** Bytes of struct kvm_cpuid_entry2. */
export const CPUID_ENTRY_BYTES = 40;
/** Bytes of struct kvm_cpuid2 before its entries. */
export const CPUID_HEADER_BYTES = 8;

/**
 * What KVM supports on a Genoa host under Linux 6.12, as far as QEMU's EPYC models ask for it; that includes what Linux
 * makes up, TSC_DEADLINE, TSC_ADJUST, SPEC_CTRL, SBPB and IBPB_BRTYPE, which the firmware would not let a guest have. They reach no digest (CPUID contents are not measured); they must be plausible, or QEMU drops features of
 * the model with a warning, or asserts on the XSAVE layout. Source: Linux arch/x86/kvm/cpuid.c, AMD 57238 (PPR).
 */
const GENOA_CPUID: readonly CpuidEntry[] = [
  { leaf: 0x0, eax: 0x10, ebx: 0x68747541, ecx: 0x444d4163, edx: 0x69746e65 },
  { leaf: 0x1, eax: 0x00a10f11, ebx: 0x00000800, ecx: 0xfffa3203, edx: 0x178bfbff },
  { leaf: 0x6, eax: 0x4, ebx: 0, ecx: 0, edx: 0 },
  { leaf: 0x7, subleaf: 0, eax: 0x1, ebx: 0xf1bf07ab, ecx: 0x0a415fce, edx: 0x14000110 },
  { leaf: 0x7, subleaf: 1, eax: 0x00000830, ebx: 0, ecx: 0, edx: 0x00004000 },
  { leaf: 0xd, subleaf: 0, eax: 0x2e7, ebx: 0x988, ecx: 0x988, edx: 0 },
  { leaf: 0xd, subleaf: 1, eax: 0xf, ebx: 0x340, ecx: 0x1800, edx: 0 },
  { leaf: 0xd, subleaf: 2, eax: 0x100, ebx: 0x240, ecx: 0, edx: 0 },
  { leaf: 0xd, subleaf: 5, eax: 0x40, ebx: 0x340, ecx: 0, edx: 0 },
  { leaf: 0xd, subleaf: 6, eax: 0x200, ebx: 0x380, ecx: 0, edx: 0 },
  { leaf: 0xd, subleaf: 7, eax: 0x400, ebx: 0x580, ecx: 0, edx: 0 },
  { leaf: 0xd, subleaf: 9, eax: 0x8, ebx: 0x980, ecx: 0, edx: 0 },
  { leaf: 0xd, subleaf: 11, eax: 0x10, ebx: 0, ecx: 0x1, edx: 0 },
  { leaf: 0xd, subleaf: 12, eax: 0x18, ebx: 0, ecx: 0x1, edx: 0 },
  { leaf: 0x40000000, eax: 0x40000001, ebx: 0x4b4d564b, ecx: 0x564b4d56, edx: 0x4d },
  { leaf: 0x40000001, eax: 0x01007efb, ebx: 0, ecx: 0, edx: 0 },
  { leaf: 0x80000000, eax: 0x80000022, ebx: 0x68747541, ecx: 0x444d4163, edx: 0x69746e65 },
  { leaf: 0x80000001, eax: 0x00a10f11, ebx: 0x40000000, ecx: 0x15c037ff, edx: 0x2fd3fbff },
  { leaf: 0x80000005, eax: 0xff48ff40, ebx: 0xff48ff40, ecx: 0x20080140, edx: 0x20080140 },
  { leaf: 0x80000006, eax: 0x5c002200, ebx: 0x6c004200, ecx: 0x04006140, edx: 0x08009140 },
  { leaf: 0x80000007, eax: 0, ebx: 0x3, ecx: 0, edx: 0x100 },
  { leaf: 0x80000008, eax: 0x3034, ebx: 0x111ef257, ecx: 0, edx: 0 },
  { leaf: 0x8000000a, eax: 0x1, ebx: 0x8000, ecx: 0, edx: 0x1e1bfcff },
  { leaf: 0x80000021, eax: 0x18000b4f, ebx: 0, ecx: 0, edx: 0 },
  { leaf: 0x80000022, eax: 0x1, ebx: 0x6, ecx: 0, edx: 0 },
];

const SIGNATURE_LEAVES: readonly number[] = [0x1, 0x80000001];

/** What the emulated KVM supports on a platform: KVM_GET_SUPPORTED_CPUID. */
export function supportedCpuid(platform: Pick<Platform, 'product' | 'cpuid'>): CpuidEntry[] {
  return GENOA_CPUID.map((entry) => {
    const without = (register: 'eax' | 'ebx' | 'ecx' | 'edx'): number => {
      const place = { leaf: entry.leaf, subleaf: entry.subleaf ?? 0, register };
      return (entry[register] & ~lackedFeatures(platform, place)) >>> 0;
    };
    const eax = SIGNATURE_LEAVES.includes(entry.leaf) ? processorSignature(platform) : without('eax');
    return { ...entry, eax, ebx: without('ebx'), ecx: without('ecx'), edx: without('edx') };
  });
}

/** Entries as KVM_GET_SUPPORTED_CPUID and KVM_GET_CPUID2 write them, 40 bytes each. */
export function serialiseCpuid(entries: readonly CpuidEntry[]): Uint8Array {
  const bytes = Buffer.alloc(entries.length * CPUID_ENTRY_BYTES);
  entries.forEach((entry, row) => {
    const flags = entry.subleaf === undefined ? 0 : SIGNIFICANT_INDEX;
    [entry.leaf, entry.subleaf ?? 0, flags, entry.eax, entry.ebx, entry.ecx, entry.edx].forEach((value, column) => {
      bytes.writeUInt32LE(value >>> 0, row * CPUID_ENTRY_BYTES + column * 4);
    });
  });
  return bytes;
}
