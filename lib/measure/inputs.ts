import type { VmmProfile } from './vmm-profiles.ts';

/** One SEV metadata section of an OVMF image, in the order of the image. */
export interface FirmwareSection {
  /** Guest-physical address, 4 KiB aligned. */
  gpa: number;
  sizeBytes: number;
  /** 1 SEC_MEM, 2 SECRETS, 3 CPUID, 4 SVSM_CAA, 0x10 KERNEL_HASHES. */
  type: number;
}

/** What the launch digest needs of a firmware image; see docs/architecture.md, 'The firmware descriptor'. */
export interface FirmwareDescriptor {
  sizeBytes: number | null;
  /** 64 lower-case hex digits. */
  sha256: string | null;
  /** 48 bytes: the launch digest after the pages of the image. */
  pagesDigest: Uint8Array;
  /** CS base in the high 16 bits, IP in the low 16, of the application processors. */
  resetVector: number;
  /** Where the firmware expects the table of kernel hashes; null where it has none. */
  hashesTable: { gpa: number; sizeBytes: number } | null;
  sections: readonly FirmwareSection[];
}

/** SHA-256 (32 bytes each) of what QEMU puts into the table of kernel hashes. */
export interface KernelHashes {
  kernel: Uint8Array;
  /** Of no bytes at all where no initrd is given. */
  initrd: Uint8Array;
  /** Of the -append bytes and one NUL. */
  cmdline: Uint8Array;
}

/** All that an SNP launch digest depends on. */
export interface LaunchInputs {
  firmware: FirmwareDescriptor;
  /** null: launched without -kernel, or with kernel-hashes=off. */
  kernelHashes: KernelHashes | null;
  vcpus: number;
  /** CPUID 1 EAX, which QEMU leaves in RDX; null: not known, which a VMM with a constant there can do with. */
  vcpuSignature: number | null;
  /** SEV_FEATURES in the VMSA. */
  guestFeatures: bigint;
  /** How VMM and host kernel hand over and measure what they are given. */
  profile: VmmProfile;
}

/** One measured step of a launch, in launch order. */
export interface LedgerEntry {
  /** PAGE_TYPE of PAGE_INFO. */
  pageType: number;
  /** Guest-physical address of the first page. */
  gpa: bigint;
  /** How many 4 KiB pages this row covers: 1, or more where only a descriptor of the firmware is at hand. */
  pages: number;
  /** What it is, in words: `firmware image`, `SEC_MEM`, `vCPU 0`. */
  what: string;
  /** 48 bytes: CONTENTS of PAGE_INFO, zeros where the page is not measured; null where the row covers more than one page. */
  contents: Uint8Array | null;
  /** 48 bytes: the launch digest after these pages. */
  digestAfter: Uint8Array;
}

/** A stretch of pages of one type that the VMM hands to SNP_LAUNCH_UPDATE in one region. */
export interface PageRegion {
  gpa: bigint;
  bytes: number;
  pageType: number;
}

/** The expected launch digest and what it was made of. */
export interface Prediction {
  /** 48 bytes. */
  launchDigest: Uint8Array;
  /** The regions that the VMM must hand over, in order; the VMSAs are not among them: KVM measures those itself. */
  regions: readonly PageRegion[];
}
