import { overlayLayout, type Parsed, serialiseLayout } from '../abi/layout.ts';
import { VMSA } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import type { VmmProfile } from './vmm-profiles.ts';

/** What the VMSA of a vCPU depends on, apart from which vCPU it is. */
export interface VcpuState {
  /** CPUID 1 EAX; null where it is not known. */
  vcpuSignature: number | null;
  /** SEV_FEATURES. */
  guestFeatures: bigint;
  profile: VmmProfile;
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
const RESET_STATE = serialiseLayout(
  VMSA,
  {
    'es.attrib': 0x93,
    'es.limit': 0xffff,
    'cs.selector': 0xf000,
    'cs.limit': 0xffff,
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
    'tr.limit': 0xffff,
    efer: 0x1000n,
    cr4: 0x40n,
    cr0: 0x10n,
    dr7: 0x400n,
    dr6: 0xffff_0ff0n,
    rflags: 0x2n,
    xcr0: 0x1n,
  },
  'VMSA after reset',
);

/** RDX of a vCPU. @throws HarnessError VCPU_TYPE_UNKNOWN where it is the signature and that is not known */
function rdxOf({ vcpuSignature, profile }: VcpuState): bigint {
  if (profile.rdx !== 'signature') return BigInt(profile.rdx);
  if (vcpuSignature !== null) return BigInt(vcpuSignature);
  throw new HarnessError({
    code: 'VCPU_TYPE_UNKNOWN',
    what: `no vCPU type is given, and VMM profile ${profile.name} has its signature in every VMSA`,
    hint: 'give the vCPU type, for example EPYC-v4, or the signature itself (CPUID leaf 1 EAX)',
  });
}

/**
 * The fields of a VMSA that VMM and host kernel decide, the same for every vCPU.
 * @throws HarnessError VCPU_TYPE_UNKNOWN where the profile needs a signature and there is none
 */
export function profileFields(state: VcpuState): Partial<Parsed<typeof VMSA>> {
  const { segments, gPat, fpu, forcedFeatures } = state.profile;
  return {
    'ss.attrib': segments.ss,
    'tr.attrib': segments.tr,
    gPat,
    ...fpu,
    rdx: rdxOf(state),
    sevFeatures: forcedFeatures ?? state.guestFeatures,
  };
}

function vmsaPage(start: Start, state: VcpuState, own: Partial<Parsed<typeof VMSA>>): Uint8Array {
  const fields = { ...profileFields(state), 'cs.base': start.csBase, rip: start.rip, ...own };
  return overlayLayout(VMSA, RESET_STATE, fields, 'VMSA');
}

/** The VMSA page of vCPU 0. @returns 4096 bytes   @throws HarnessError LAYOUT_VALUE, VCPU_TYPE_UNKNOWN */
export function bootVmsa(state: VcpuState): Uint8Array {
  const { segments, bootRegisters } = state.profile;
  return vmsaPage(BSP_START, state, { 'cs.attrib': segments.csBoot, ...bootRegisters });
}

/**
 * The VMSA page of every other vCPU; all are the same.
 * @param resetVector CS base in the high 16 bits, IP in the low 16   @returns 4096 bytes
 * @throws HarnessError LAYOUT_VALUE, VCPU_TYPE_UNKNOWN   Source: QEMU, target/i386/sev.c, sev_es_set_reset_vector.
 */
export function applicationVmsa(resetVector: number, state: VcpuState): Uint8Array {
  const start = { csBase: BigInt((resetVector & 0xffff_0000) >>> 0), rip: BigInt(resetVector & 0xffff) };
  return vmsaPage(start, state, { 'cs.attrib': state.profile.segments.csApplication });
}

/** The pages of all vCPUs: that of vCPU 0 and that which all others have. */
export interface VmsaPages {
  /** 4096 bytes each. */
  boot: Uint8Array;
  application: Uint8Array;
}

/**
 * The VMSA pages of a guest that starts in its firmware.
 * @param resetVector of the firmware   @throws HarnessError LAYOUT_VALUE, VCPU_TYPE_UNKNOWN
 */
export function vmsaPages(resetVector: number, state: VcpuState): VmsaPages {
  return { boot: bootVmsa(state), application: applicationVmsa(resetVector, state) };
}
