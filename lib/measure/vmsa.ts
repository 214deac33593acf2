import { type Parsed, serialiseLayout } from '../abi/layout.ts';
import { VMSA } from '../abi/vmsa.ts';

/** What the VMSA of a vCPU depends on, apart from which vCPU it is. */
export interface VcpuState {
  /** CPUID 1 EAX. */
  vcpuSignature: number;
  /** SEV_FEATURES. */
  guestFeatures: bigint;
  fpuStateMeasured: boolean;
}

/** Address and instruction pointer at which a vCPU starts. */
interface Start {
  csBase: bigint;
  rip: bigint;
}

/** The reset vector of x86, where vCPU 0 starts. Source: AMD 24593, processor initialization. */
const BSP_START: Start = { csBase: 0xffff_0000n, rip: 0xfff0n };

/**
 * The state of every vCPU after reset, as QEMU sets it and KVM changes it: EFER.SVME and CR4.MCE are forced on, CR0.CD
 * and CR0.NW are dropped. Source: QEMU, x86_cpu_reset_hold; Linux, arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa.
 */
const RESET_STATE = {
  'es.attrib': 0x93,
  'es.limit': 0xffff,
  'cs.selector': 0xf000,
  'cs.attrib': 0x9b,
  'cs.limit': 0xffff,
  'ss.attrib': 0x93,
  'ss.limit': 0xffff,
  'ds.attrib': 0x93,
  'ds.limit': 0xffff,
  'fs.attrib': 0x93,
  'fs.limit': 0xffff,
  'gs.attrib': 0x93,
  'gs.limit': 0xffff,
  'gdtr.limit': 0xffff,
  'ldtr.attrib': 0x82,
  'ldtr.limit': 0xffff,
  'idtr.limit': 0xffff,
  'tr.attrib': 0x8b,
  'tr.limit': 0xffff,
  efer: 0x1000n,
  cr4: 0x40n,
  cr0: 0x10n,
  dr7: 0x400n,
  dr6: 0xffff_0ff0n,
  rflags: 0x2n,
  gPat: 0x0007_0406_0007_0406n,
  xcr0: 0x1n,
} as const satisfies Partial<Parsed<typeof VMSA>>;

/** What KVM_SEV_INIT2 guests show of the FPU since Linux 6.10. Source: Linux, sev_es_sync_vmsa. */
const FPU_STATE = { mxcsr: 0x1f80, x87Fcw: 0x037f } as const satisfies Partial<Parsed<typeof VMSA>>;

function vmsaPage(start: Start, state: VcpuState): Uint8Array {
  return serialiseLayout(
    VMSA,
    {
      ...RESET_STATE,
      ...(state.fpuStateMeasured ? FPU_STATE : {}),
      'cs.base': start.csBase,
      rip: start.rip,
      rdx: BigInt(state.vcpuSignature),
      sevFeatures: state.guestFeatures,
    },
    'VMSA',
  );
}

/** The VMSA page of vCPU 0. @returns 4096 bytes   @throws HarnessError LAYOUT_VALUE */
export function bootVmsa(state: VcpuState): Uint8Array {
  return vmsaPage(BSP_START, state);
}

/**
 * The VMSA page of every other vCPU; all are the same.
 * @param resetVector CS base in the high 16 bits, IP in the low 16   @returns 4096 bytes
 * @throws HarnessError LAYOUT_VALUE   Source: QEMU, target/i386/sev.c, sev_es_set_reset_vector.
 */
export function applicationVmsa(resetVector: number, state: VcpuState): Uint8Array {
  const start = { csBase: BigInt((resetVector & 0xffff_0000) >>> 0), rip: BigInt(resetVector & 0xffff) };
  return vmsaPage(start, state);
}
