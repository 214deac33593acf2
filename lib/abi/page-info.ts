import type { Field } from './layout.ts';

/**
 * PAGE_INFO, 0x70 bytes, little-endian: what the firmware hashes for every 4 KiB page of a launch.
 * Source: AMD 56860, PAGE_INFO structure. The order of the VMPL permissions is that of AMD's published firmware; some
 * calculators write them the other way round, which shows only once a permission is not zero.
 */
export const PAGE_INFO = [
  { name: 'digestCur', at: 0x00, bytes: 48, type: 'bytes' },
  { name: 'contents', at: 0x30, bytes: 48, type: 'bytes' },
  { name: 'length', at: 0x60, bytes: 2, type: 'u16le' },
  { name: 'pageType', at: 0x62, bytes: 1, type: 'u8' },
  { name: 'imiPage', at: 0x63, bytes: 1, type: 'u8' },
  { name: 'reserved64', at: 0x64, bytes: 1, type: 'mbz' },
  { name: 'vmpl1Perms', at: 0x65, bytes: 1, type: 'u8' },
  { name: 'vmpl2Perms', at: 0x66, bytes: 1, type: 'u8' },
  { name: 'vmpl3Perms', at: 0x67, bytes: 1, type: 'u8' },
  { name: 'gpa', at: 0x68, bytes: 8, type: 'u64le' },
] as const satisfies readonly Field[];

/** PAGE_TYPE of SNP_LAUNCH_UPDATE. Source: AMD 56860, SNP_LAUNCH_UPDATE page types. */
export const PAGE_TYPE = { NORMAL: 1, VMSA: 2, ZERO: 3, UNMEASURED: 4, SECRETS: 5, CPUID: 6 } as const;

/** Bytes of a page. */
export const PAGE_BYTES = 4096;

/**
 * The guest-physical address under which KVM hands over every VMSA: all ones, page aligned, cut to 48 bits.
 * A choice of KVM, not a rule of the firmware. Source: Linux, arch/x86/kvm/svm/sev.c, snp_launch_update_vmsa.
 */
export const VMSA_GPA = 0xffff_ffff_f000n;

/** The widths to which hosts have cut the all-ones address of a VMSA. */
export const VMSA_ADDRESS_BITS = [48, 51, 52] as const;
export type VmsaAddressBits = (typeof VMSA_ADDRESS_BITS)[number];

/**
 * The guest-physical address of a VMSA: all ones, page aligned, cut to so many bits. KVM cuts to 48 today; its first SNP
 * patches and other VMMs cut to the physical address bits of the processor (52 on Genoa), less one for the C-bit.
 * Source: Linux, arch/x86/kvm/svm/sev.c, snp_launch_update_vmsa; google/gce-tcb-verifier, sev/measurement.go.
 */
export function vmsaGpaOf(addressBits: VmsaAddressBits): bigint {
  return (1n << BigInt(addressBits)) - BigInt(PAGE_BYTES);
}

/** The name of a page type, `type 9` for one that is not in the table. */
export function pageTypeName(pageType: number): string {
  const known = Object.entries(PAGE_TYPE).find(([, value]) => value === pageType);
  return known?.[0] ?? `type ${pageType}`;
}
