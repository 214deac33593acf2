import type { HostProvenance } from '../evidence/schema.ts';
import { quoted } from '../text.ts';

/** Since when KVM_SEV_INIT2 decides about features and puts the FPU state into the VMSA. Source: Linux 6.10. */
export const INIT2_SINCE = 610;
/** AMD's own kernels had the latter earlier. Source: docs/mismatch-causes.md, fpu-state. */
const FPU_UNSURE_SINCE = 609;
/** Host kernels from here to INIT2_SINCE turn DebugSwap on where kvm_amd.debug_swap says so. Source: docs/mismatch-causes.md, debug-swap. */
export const DEBUG_SWAP_SINCE = 606;
/** The first QEMU with SNP guests that is not AMD's own; it measures kernel hashes in their section. Source: QEMU 9.1. */
export const UPSTREAM_QEMU_SINCE = 901;
/** AMD's QEMU measured them after the firmware before it was based on this. Source: docs/mismatch-causes.md, hashes-after-firmware. */
export const HASHES_IN_SECTION_SINCE = 702;

/** The first version in a text as one number, 608 for 6.8.1; null: there is none. */
function versionNumber(text: string): number | null {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? null : Number(major) * 100 + Number(minor);
}

/** Version of the host kernel; null where it does not say. An emulated host is what it passes for. */
export function kernelNumber({ kind, profile, kernel }: HostProvenance): number | null {
  return versionNumber(kind === 'emulated' ? (profile ?? '') : kernel);
}

/** Version of a build of QEMU; null where it does not say. @param build its name in the evidence */
export function qemuNumber({ qemu }: HostProvenance, build: string): number | null {
  const entry = Object.hasOwn(qemu, build) ? qemu[build] : undefined;
  return entry === undefined ? null : versionNumber(entry.version);
}

/** The host kernel in a sentence. */
export function kernelWords(host: HostProvenance): string {
  return host.kind === 'emulated'
    ? `the host passes for ${quoted(host.profile ?? '')}`
    : `its kernel is ${quoted(host.kernel)}`;
}

/** A build of QEMU in a sentence. */
export function qemuWords({ qemu }: HostProvenance, build: string): string {
  return `its QEMU is ${quoted((Object.hasOwn(qemu, build) ? qemu[build]?.version : undefined) ?? '')}`;
}

/** Is the FPU state in the VMSA, by the host kernel? null: that does not tell. */
export function measuresFpu(host: HostProvenance): boolean | null {
  const version = kernelNumber(host);
  if (version === null) return null;
  return version >= INIT2_SINCE ? true : version < FPU_UNSURE_SINCE ? false : null;
}
