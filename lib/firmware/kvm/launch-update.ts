import { PAGE_BYTES, PAGE_TYPE } from '../../abi/page-info.ts';

/** Regions larger than the largest firmware image are a defect of QEMU or an attack on this process. */
const MAX_REGION_BYTES = 256 * 1024 * 1024;
/** VMSAs are KVM's own to hand over. */
const USERSPACE_PAGE_TYPES: readonly number[] = [
  PAGE_TYPE.NORMAL,
  PAGE_TYPE.ZERO,
  PAGE_TYPE.UNMEASURED,
  PAGE_TYPE.SECRETS,
  PAGE_TYPE.CPUID,
];

/** A region that QEMU hands over. */
export interface LaunchUpdate {
  gpa: bigint;
  pageType: number;
  /** A multiple of 4096. */
  bytes: number;
  /** The address of its contents in QEMU; null: ZERO pages have none. */
  source: bigint | null;
  /** What KVM writes over the head of the structure when so many bytes are done. */
  progress: (done: number) => Uint8Array;
}

/**
 * Reads struct kvm_sev_snp_launch_update. @param bytes 64   @returns undefined for one that KVM refuses with EINVAL
 * Source: Linux arch/x86/include/uapi/asm/kvm.h; arch/x86/kvm/svm/sev.c, snp_launch_update
 */
export function parseLaunchUpdate(bytes: Uint8Array): LaunchUpdate | undefined {
  const fields = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frame = fields.getBigUint64(0, true);
  const address = fields.getBigUint64(8, true);
  const length = fields.getBigUint64(16, true);
  const pageType = fields.getUint8(24);
  const wellFormed =
    length > 0n &&
    length % BigInt(PAGE_BYTES) === 0n &&
    length <= BigInt(MAX_REGION_BYTES) &&
    fields.getUint16(26, true) === 0 &&
    USERSPACE_PAGE_TYPES.includes(pageType);
  if (!wellFormed) return undefined;
  const source = pageType === PAGE_TYPE.ZERO ? null : address;
  return {
    gpa: frame * BigInt(PAGE_BYTES),
    pageType,
    bytes: Number(length),
    source,
    progress: (done) => {
      const head = Buffer.alloc(24);
      head.writeBigUInt64LE(frame + BigInt(done / PAGE_BYTES), 0);
      head.writeBigUInt64LE(source === null ? address : address + BigInt(done), 8);
      head.writeBigUInt64LE(length - BigInt(done), 16);
      return head;
    },
  };
}
