import { HarnessError } from '../errors.ts';

/** What a launch digest needs to know of the VMM and the host kernel under it. */
export interface VmmProfile {
  name: string;
  meaning: string;
  source: string;
  /** Are MXCSR and the x87 control word of the vCPU in its VMSA? */
  fpuStateMeasured: boolean;
}

/** The profile for hosts of which nothing else is known. */
export const DEFAULT_VMM_PROFILE = 'qemu-init2';
/** The profile of QEMU on a host kernel that leaves the FPU state out. */
export const VMM_PROFILE_WITHOUT_FPU_STATE = 'qemu-pre-init2';

/** The generations of QEMU on KVM. A new one is a new row. */
export const VMM_PROFILES: readonly VmmProfile[] = [
  {
    name: DEFAULT_VMM_PROFILE,
    meaning: 'QEMU 9.1 and later on Linux 6.10 and later (KVM_SEV_INIT2): the FPU state is in the VMSA',
    source: 'Linux 6.10 arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa',
    fpuStateMeasured: true,
  },
  {
    name: VMM_PROFILE_WITHOUT_FPU_STATE,
    meaning: "host kernels before that, AMD's 5.19 to 6.8 among them: no FPU state in the VMSA",
    source: 'Linux 6.9 arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa',
    fpuStateMeasured: false,
  },
];

/** Which generation the kernels belong to that an emulated host can pass for. */
const PROFILE_OF_HOST_KERNEL: Readonly<Record<string, string>> = {
  'upstream-6.12': DEFAULT_VMM_PROFILE,
  'amd-6.8': VMM_PROFILE_WITHOUT_FPU_STATE,
};

/** The profile of a name. @throws HarnessError HOSTS_INVALID for a name that is not in the table */
export function vmmProfileOf(name: string): VmmProfile {
  const profile = VMM_PROFILES.find((row) => row.name === name);
  if (profile !== undefined) return profile;
  throw new HarnessError({
    code: 'HOSTS_INVALID',
    what: `unknown VMM profile "${name}"`,
    hint: `known: ${VMM_PROFILES.map((row) => row.name).join(', ')}`,
  });
}

/** The name of the VMM profile for a host kernel that is known by name; undefined for any other. */
export function vmmProfileOfHostKernel(hostKernel: string): string | undefined {
  return PROFILE_OF_HOST_KERNEL[hostKernel];
}
