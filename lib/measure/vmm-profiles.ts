import type { SectionName } from '../abi/ovmf.ts';
import { PAGE_TYPE, type VmsaAddressBits } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { mostSimilar } from '../similar.ts';

/** The VMMs whose launches are known. */
export const VMMS = ['qemu', 'ec2', 'gce', 'krun'] as const;
export type Vmm = (typeof VMMS)[number];

/** What a launch digest needs to know of a VMM and of the kernel under it. */
export interface VmmProfile {
  readonly name: string;
  readonly vmm: Vmm;
  /** What the guest starts in: the firmware at the reset vector, or an SVSM in flat protected mode. */
  readonly boots: 'firmware' | 'svsm';
  /** The month from which on hosts are known to launch so, `YYYY-MM`. */
  readonly since: string;
  readonly meaning: string;
  readonly source: string;
  /** Attributes of segment registers in the VMSA. */
  readonly segments: {
    readonly csBoot: number;
    readonly csApplication: number;
    readonly ss: number;
    readonly tr: number;
  };
  /** RDX of every vCPU: the signature of its CPU model, or always the same number. */
  readonly rdx: 'signature' | number;
  readonly gPat: bigint;
  /** FPU state in the VMSA; both zero where the VMM or its kernel leaves it out. */
  readonly fpu: { readonly mxcsr: number; readonly x87Fcw: number };
  /** Further registers of vCPU 0. */
  readonly bootRegisters: { readonly rsi?: bigint; readonly rbp?: bigint; readonly rsp?: bigint };
  /** SEV_FEATURES of a guest that asks for none in particular. */
  readonly defaultFeatures: bigint;
  /** SEV_FEATURES that is measured whatever was asked for; null: what was asked for. */
  readonly forcedFeatures: bigint | null;
  readonly sectionOrder: 'metadata' | 'cpuid-last';
  /** Page type of each section of the firmware; KERNEL_HASHES: without a kernel. */
  readonly sectionPageTypes: Readonly<Record<SectionName, number>>;
  /** How many bits of the all-ones address of a VMSA are left. */
  readonly vmsaAddressBits: VmsaAddressBits;
  /** Where the page of kernel hashes is measured: as the section it is, or before all sections. */
  readonly hashesPage: 'in-its-section' | 'after-firmware';
  /** Does the VMM take a kernel of its user, and measure the hashes of it? Others boot what is on the guest's disk. */
  readonly launchesKernels: boolean;
}

const FPU_MEASURED = { mxcsr: 0x1f80, x87Fcw: 0x037f } as const;
const FPU_LEFT_OUT = { mxcsr: 0, x87Fcw: 0 } as const;

/** QEMU on KVM, Linux 6.10 and later: what the other rows differ from. */
const QEMU = {
  vmm: 'qemu',
  boots: 'firmware',
  segments: { csBoot: 0x9b, csApplication: 0x9b, ss: 0x93, tr: 0x8b },
  rdx: 'signature',
  gPat: 0x0007_0406_0007_0406n,
  fpu: FPU_MEASURED,
  bootRegisters: {},
  defaultFeatures: 0x1n,
  forcedFeatures: null,
  sectionOrder: 'metadata',
  sectionPageTypes: {
    SEC_MEM: PAGE_TYPE.ZERO,
    SECRETS: PAGE_TYPE.SECRETS,
    CPUID: PAGE_TYPE.CPUID,
    SVSM_CAA: PAGE_TYPE.ZERO,
    KERNEL_HASHES: PAGE_TYPE.ZERO,
  },
  vmsaAddressBits: 48,
  hashesPage: 'in-its-section',
  launchesKernels: true,
} as const satisfies Partial<VmmProfile>;

const EC2 = {
  ...QEMU,
  vmm: 'ec2',
  segments: { csBoot: 0x9a, csApplication: 0x9b, ss: 0x92, tr: 0x83 },
  fpu: FPU_LEFT_OUT,
  sectionOrder: 'cpuid-last',
  // Source: aws/uefi#19: hashes of a kernel are in no digest there.
  launchesKernels: false,
} as const satisfies Partial<VmmProfile>;

const KRUN = {
  ...QEMU,
  vmm: 'krun',
  segments: { csBoot: 0x9a, csApplication: 0x9a, ss: 0x92, tr: 0x83 },
  rdx: 0,
  fpu: FPU_LEFT_OUT,
  // The kernel is in the library, and measured as pages of it. Source: containers/libkrunfw.
  launchesKernels: false,
} as const satisfies Partial<VmmProfile>;

const SVSM = {
  ...QEMU,
  boots: 'svsm',
  segments: { csBoot: 0xc9b, csApplication: 0xc9b, ss: 0xc93, tr: 0x8b },
} as const satisfies Partial<VmmProfile>;

/** The profile for hosts of which nothing else is known. */
export const DEFAULT_VMM_PROFILE = 'qemu-init2';
/** The profile of QEMU on a host kernel that leaves the FPU state out. */
export const VMM_PROFILE_WITHOUT_FPU_STATE = 'qemu-pre-init2';
/** The profile of a COCONUT SVSM under a host kernel that leaves the FPU state out. */
export const SVSM_PROFILE_WITHOUT_FPU_STATE = 'svsm-pre-init2';

/** Every known way to launch, the newest of each VMM first. A new one is a new row. */
export const VMM_PROFILES: readonly VmmProfile[] = [
  {
    ...QEMU,
    name: DEFAULT_VMM_PROFILE,
    since: '2024-07',
    meaning: 'QEMU 9.1 and later on Linux 6.10 and later (KVM_SEV_INIT2): the FPU state is in the VMSA',
    source: 'Linux 6.10 arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa',
  },
  {
    ...QEMU,
    name: VMM_PROFILE_WITHOUT_FPU_STATE,
    since: '2023-03',
    meaning: "host kernels before that, AMD's 5.19 to 6.8 among them: no FPU state in the VMSA",
    source: 'Linux 6.9 arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa',
    fpu: FPU_LEFT_OUT,
  },
  {
    ...QEMU,
    name: 'qemu-hashes-first',
    since: '2022-04',
    meaning: "AMD's QEMU before March 2023: the page of kernel hashes right after the firmware; no FPU state",
    source: 'virtee/sev-snp-measure, change log: 0.0.2 of 2022-04-11 to 0.0.4; changed in 0.0.5',
    fpu: FPU_LEFT_OUT,
    hashesPage: 'after-firmware',
  },
  {
    ...EC2,
    name: 'ec2-2026-04',
    since: '2026-04',
    meaning: 'Amazon EC2 of today: RDX 0x600',
    source: 'virtee/sev-snp-measure, sevsnpmeasure/vmsa.py since 2026-04-28',
    rdx: 0x600,
  },
  {
    ...EC2,
    name: 'ec2-before-2026-04',
    since: '2023-04',
    meaning: 'Amazon EC2 before April 2026: RDX 0',
    source: 'virtee/sev, src/measurement/vmsa.rs; virtee/sev-snp-measure#13',
    rdx: 0,
  },
  {
    ...QEMU,
    vmm: 'gce',
    name: 'gce',
    since: '2024-06',
    meaning: 'Google Compute Engine: SEC_MEM pages are UNMEASURED, RDX 0x600, a PAT of its own',
    source: 'google/gce-tcb-verifier, sev/ld_from_ovmf.go; virtee/sev-snp-measure#56',
    rdx: 0x600,
    gPat: 0x0007_0106n,
    fpu: FPU_LEFT_OUT,
    sectionPageTypes: { ...QEMU.sectionPageTypes, SEC_MEM: PAGE_TYPE.UNMEASURED },
    // Source: google/gce-tcb-verifier, which computes digests of firmware and vCPUs alone.
    launchesKernels: false,
  },
  {
    ...KRUN,
    name: 'krun',
    since: '2022-11',
    meaning: 'libkrun: RDX 0, and stack and boot parameters in the registers of vCPU 0',
    source: 'libkrun/libkrun#82; containers/libkrunfw, utils/vmsa.h, a VMSA dumped by a host kernel',
    bootRegisters: { rsi: 0x7000n, rbp: 0x8ff0n, rsp: 0x8ff0n },
  },
  {
    ...KRUN,
    name: 'krun-as-sev-crate',
    since: '2022-11',
    meaning:
      'what the Rust crate sev prints for libkrun: it takes the vCPU count for a vCPU number and leaves those out',
    source: 'virtee/sev, src/measurement/vmsa.rs and snp.rs',
  },
  {
    ...SVSM,
    name: 'svsm-init2',
    since: '2024-07',
    meaning: 'COCONUT SVSM as a flat image, on Linux 6.10 and later: the FPU state is in the VMSA',
    source: 'coconut-svsm/qemu target/i386/sev.c; Linux 6.10 arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa',
  },
  {
    ...SVSM,
    name: SVSM_PROFILE_WITHOUT_FPU_STATE,
    since: '2024-01',
    meaning: 'the same on host kernels before that: no FPU state in the VMSA',
    source: 'coconut-svsm/qemu target/i386/sev.c; virtee/sev-snp-measure#36, a VMSA dumped by a host kernel',
    fpu: FPU_LEFT_OUT,
  },
  {
    ...SVSM,
    name: 'svsm-as-sev-snp-measure',
    since: '2024-07',
    meaning: 'what sev-snp-measure 0.0.13 prints for an SVSM, and no host measures: FCW 0, features always 0x1',
    source: 'virtee/sev-snp-measure, sevsnpmeasure/vmsa.py, VMSA_SVSM',
    fpu: { mxcsr: 0x1f80, x87Fcw: 0 },
    forcedFeatures: 0x1n,
  },
];

/** Which generation the kernels belong to that an emulated host can pass for. */
const PROFILE_OF_HOST_KERNEL: Readonly<Record<string, string>> = {
  'upstream-6.12': DEFAULT_VMM_PROFILE,
  'upstream-6.18': DEFAULT_VMM_PROFILE,
  'upstream-6.19': DEFAULT_VMM_PROFILE,
  'amd-6.8': VMM_PROFILE_WITHOUT_FPU_STATE,
};

/** The profile of a name. @throws HarnessError VMM_PROFILE_UNKNOWN, with the name that is most like it */
export function vmmProfileOf(name: string): VmmProfile {
  const profile = VMM_PROFILES.find((row) => row.name === name);
  if (profile !== undefined) return profile;
  const names = VMM_PROFILES.map((row) => row.name);
  const close = mostSimilar(name, names);
  throw new HarnessError({
    code: 'VMM_PROFILE_UNKNOWN',
    what: `unknown VMM profile ${JSON.stringify(name)}`,
    hint: `${close === undefined ? '' : `did you mean ${close}? `}known: ${names.join(', ')}; see \`snp-conform profiles\``,
  });
}

/**
 * The newest profile of a VMM for what the guest starts in.
 * @throws HarnessError VMM_PROFILE_UNKNOWN where that VMM starts no such guest
 */
export function newestVmmProfile(vmm: Vmm, boots: VmmProfile['boots'] = 'firmware'): VmmProfile {
  const profile = VMM_PROFILES.find((row) => row.vmm === vmm && row.boots === boots);
  if (profile !== undefined) return profile;
  throw new HarnessError({
    code: 'VMM_PROFILE_UNKNOWN',
    what: `no profile of ${vmm} starts a guest in ${boots === 'svsm' ? 'an SVSM' : 'its firmware'}`,
    hint: 'see `snp-conform profiles`',
  });
}

/** The name of the VMM profile for a host kernel that is known by name; undefined for any other. */
export function vmmProfileOfHostKernel(hostKernel: string): string | undefined {
  return PROFILE_OF_HOST_KERNEL[hostKernel];
}
