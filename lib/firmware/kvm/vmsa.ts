import { type Parsed, serialiseLayout } from '../../abi/layout.ts';
import { VMSA } from '../../abi/vmsa.ts';
import type { Vcpu } from './vcpu.ts';

/** What the host kernel adds to the registers that QEMU set. */
export interface VmsaRules {
  /** SEV_FEATURES. */
  features: bigint;
  fpuStateMeasured: boolean;
}

const EFER_SVME = 1n << 12n;
const CR4_MCE = 1n << 6n;
const CR0_NW_CD = (1n << 29n) | (1n << 30n);
const MSR_PAT = 0x277;
/** Source: Linux arch/x86/kvm/svm/svm.c, init_vmcb. */
const RESET_PAT = 0x0007_0406_0007_0406n;
const RESET_DR6 = 0xffff_0ff0n;
const RESET_DR7 = 0x400n;
const FPU_INIT = { fcw: 0x37f, mxcsr: 0x1f80 };
const XSTATE_X87 = 1n;
const XSTATE_SSE_OR_AVX = 6n;

const SREGS_SEGMENTS = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldtr'] as const;
const SEGMENT_BYTES = 24;
const GENERAL_REGISTERS = [
  'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp',
  'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip', 'rflags',
] as const; // biome-ignore format: the order of struct kvm_regs

/** The 12-bit attributes of a VMCB segment. Source: Linux arch/x86/kvm/svm/svm.c, svm_set_segment. */
function attributes(segment: DataView): number {
  const [type, present, dpl, db, s, l, g, avl, unusable] = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) =>
    segment.getUint8(14 + i),
  ) as [number, number, number, number, number, number, number, number, number];
  return (
    (type & 0xf) |
    ((s & 1) << 4) |
    ((dpl & 3) << 5) |
    ((present & 1 & ~unusable) << 7) |
    ((avl & 1) << 8) |
    ((l & 1) << 9) |
    ((db & 1) << 10) |
    ((g & 1) << 11)
  );
}

function segments(sregs: DataView): Record<string, number | bigint> {
  const rows = SREGS_SEGMENTS.flatMap((name, index) => {
    const at = sregs.byteOffset + index * SEGMENT_BYTES;
    const segment = new DataView(sregs.buffer, at, SEGMENT_BYTES);
    return [
      [`${name}.base`, segment.getBigUint64(0, true)],
      [`${name}.limit`, segment.getUint32(8, true)],
      [`${name}.selector`, segment.getUint16(12, true)],
      [`${name}.attrib`, attributes(segment)],
    ] as const;
  });
  return Object.fromEntries(rows);
}

/** The FPU fields that Linux 6.10 and later copy in. Source: Linux arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa. */
function fpuFields(xsave: DataView): Record<string, number> {
  const stateBits = xsave.getBigUint64(512, true);
  const hasX87 = (stateBits & XSTATE_X87) !== 0n;
  const hasSse = (stateBits & XSTATE_SSE_OR_AVX) !== 0n;
  return {
    mxcsr: hasSse ? xsave.getUint32(24, true) : FPU_INIT.mxcsr,
    x87Fcw: hasX87 ? xsave.getUint16(0, true) : FPU_INIT.fcw,
    x87Fsw: hasX87 ? xsave.getUint16(2, true) : 0,
    x87Ftw: hasX87 ? xsave.getUint8(4) : 0,
    x87Fop: hasX87 ? xsave.getUint16(6, true) : 0,
  };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The VMSA page that the host kernel measures for a vCPU: the registers that QEMU set, completed as KVM does.
 * @returns 4096 bytes   Source: Linux arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa
 */
export function launchVmsa(vcpu: Vcpu, rules: VmsaRules): Uint8Array {
  const regs = viewOf(vcpu.block('regs'));
  const sregs = viewOf(vcpu.block(vcpu.has('sregs2') ? 'sregs2' : 'sregs'));
  const debug = viewOf(vcpu.block('debugregs'));
  const xcrs = viewOf(vcpu.block('xcrs'));
  // After eight segments of 24 bytes: gdt, idt (16 bytes each), cr0, cr2, cr3, cr4, cr8, efer.
  const tables = SREGS_SEGMENTS.length * SEGMENT_BYTES;
  const control = tables + 32;
  const values: Record<string, number | bigint> = {
    ...segments(sregs),
    'gdtr.base': sregs.getBigUint64(tables, true),
    'gdtr.limit': sregs.getUint16(tables + 8, true),
    'idtr.base': sregs.getBigUint64(tables + 16, true),
    'idtr.limit': sregs.getUint16(tables + 24, true),
    efer: sregs.getBigUint64(control + 40, true) | EFER_SVME,
    cr0: sregs.getBigUint64(control, true) & ~CR0_NW_CD,
    cr2: sregs.getBigUint64(control + 8, true),
    cr3: sregs.getBigUint64(control + 16, true),
    cr4: sregs.getBigUint64(control + 24, true) | CR4_MCE,
    dr6: vcpu.has('debugregs') ? debug.getBigUint64(32, true) : RESET_DR6,
    dr7: vcpu.has('debugregs') ? debug.getBigUint64(40, true) : RESET_DR7,
    gPat: vcpu.msrs.get(MSR_PAT) ?? RESET_PAT,
    sevFeatures: rules.features,
    xcr0: xcrs.getUint32(0, true) > 0 ? xcrs.getBigUint64(16, true) : 1n,
    ...Object.fromEntries(GENERAL_REGISTERS.map((name, index) => [name, regs.getBigUint64(index * 8, true)])),
    ...(rules.fpuStateMeasured ? fpuFields(viewOf(vcpu.block('xsave'))) : {}),
  };
  return serialiseLayout(VMSA, values as Partial<Parsed<typeof VMSA>>, 'VMSA');
}
