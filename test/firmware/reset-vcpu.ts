import { Vcpu } from '../../lib/firmware/kvm/vcpu.ts';

/** A segment as struct kvm_segment spells its attributes out, one byte each. */
interface Segment {
  base?: bigint;
  selector?: number;
  type: number;
  /** Code or data, not system. */
  s: 0 | 1;
  present?: 0 | 1;
  unusable?: 0 | 1;
}

/** 24 bytes of struct kvm_segment. Source: Linux arch/x86/include/uapi/asm/kvm.h. */
export function segmentBytes({ base = 0n, selector = 0, type, s, present = 1, unusable = 0 }: Segment): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(base, 0);
  bytes.writeUInt32LE(0xffff, 8);
  bytes.writeUInt16LE(selector, 12);
  bytes.set([type, present, 0, 0, s, 0, 0, 0, unusable], 14);
  return bytes;
}

function u64(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, index * 8);
  return bytes;
}

/** Where a vCPU starts: its code segment's base and RIP. */
export interface ResetVector {
  csBase: bigint;
  rip: bigint;
}

export const BSP_RESET: ResetVector = { csBase: 0xffff_0000n, rip: 0xfff0n };
/** Source: the SEV-ES reset block of OVMF, 0x0080B004. */
export const AP_RESET: ResetVector = { csBase: 0x0080_0000n, rip: 0xb004n };

/** 320 bytes of struct kvm_sregs2 as QEMU's reset leaves them: caches off, everything else as the architecture has it. */
export function resetSregs2({ csBase }: ResetVector): Buffer {
  const code = segmentBytes({ base: csBase, selector: 0xf000, type: 0xb, s: 1 });
  const data = segmentBytes({ type: 0x3, s: 1 });
  const task = segmentBytes({ type: 0xb, s: 0 });
  const local = segmentBytes({ type: 0x2, s: 0 });
  const table = Buffer.concat([u64(0n), Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0, 0])]);
  const control = u64(0x6000_0010n, 0n, 0n, 0n, 0n, 0n, 0xfee0_0900n);
  const segments = [code, data, data, data, data, data, task, local];
  return Buffer.concat([...segments, table, table, control, Buffer.alloc(40)]);
}

/** 4096 bytes of struct kvm_xsave. @param stateBits XSTATE_BV: which parts the processor would load */
export function xsaveBytes(parts: { fcw: number; mxcsr: number; stateBits: bigint }): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.writeUInt16LE(parts.fcw, 0);
  bytes.writeUInt32LE(parts.mxcsr, 24);
  bytes.writeBigUInt64LE(parts.stateBits, 512);
  return bytes;
}

/**
 * A vCPU as QEMU sets it at reset, byte for byte. RDX is the processor signature.
 * Source: the values that QEMU 10 and 11 were seen to set; Linux arch/x86/include/uapi/asm/kvm.h for the structures.
 */
export function resetVcpu(id: number, signature: bigint): Vcpu {
  const vector = id === 0 ? BSP_RESET : AP_RESET;
  const vcpu = new Vcpu(id, id + 1);
  const rdx = 3;
  const rip = 16;
  const rflags = 17;
  const regs = Array.from({ length: 18 }, (_, index) =>
    index === rdx ? signature : index === rip ? vector.rip : index === rflags ? 2n : 0n,
  );
  vcpu.keep('regs', u64(...regs));
  vcpu.keep('sregs2', resetSregs2(vector));
  vcpu.keep('debugregs', Buffer.concat([u64(0n, 0n, 0n, 0n, 0xffff_0ff0n, 0x400n), Buffer.alloc(80)]));
  const xcrs = Buffer.alloc(392);
  xcrs.writeUInt32LE(1, 0);
  xcrs.writeBigUInt64LE(1n, 16);
  vcpu.keep('xcrs', xcrs);
  // QEMU 11 zeroes the legacy area of application processors; XSTATE_BV 0 says that none of it is loaded.
  vcpu.keep(
    'xsave',
    xsaveBytes(id === 0 ? { fcw: 0x37f, mxcsr: 0x1f80, stateBits: 0n } : { fcw: 0, mxcsr: 0, stateBits: 0n }),
  );
  return vcpu;
}
