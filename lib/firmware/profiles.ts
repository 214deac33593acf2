/**
 * What a host kernel puts into the VMSA and which guest policies it refuses before the firmware is asked. A profile says
 * nothing else of that kernel: the ioctls are always those of upstream Linux, whatever the kernel of that name spoke.
 */
export interface HostProfile {
  name: string;
  /** In one line, for people. */
  meaning: string;
  source: string;
  /** SEV_FEATURES bits that the kernel sets whether asked or not, bit 0 (SNPActive) included. */
  featuresAlways: bigint;
  /** Bits that KVM_SEV_INIT2 may ask for. */
  featuresOnRequest: bigint;
  /** Does the kernel put the FPU state of the vCPU into the VMSA? */
  fpuStateMeasured: boolean;
  /** Policy bits that the kernel knows; others are refused with EINVAL. */
  policyKnown: bigint;
  policyMustBeSet: bigint;
  policyMustBeClear: bigint;
}

const ABI_SMT_RESERVED_ONE = 0x3ffffn;
const DEBUG = 1n << 19n;
const SINGLE_SOCKET = 1n << 20n;
const SMT = 1n << 16n;
const RESERVED_ONE = 1n << 17n;
const SNP_ACTIVE = 1n << 0n;
const DEBUG_SWAP = 1n << 5n;

/** The host kernels that an emulated host can pass for. A new one is a new row. */
export const HOST_PROFILES: readonly HostProfile[] = [
  {
    name: 'upstream-6.12',
    meaning: 'Linux 6.11 to 6.17: guest features 0x1 unless asked for more, FPU state measured',
    source: 'Linux 6.12 arch/x86/kvm/svm/sev.c: sev_es_sync_vmsa, snp_launch_start',
    featuresAlways: SNP_ACTIVE,
    featuresOnRequest: DEBUG_SWAP,
    fpuStateMeasured: true,
    policyKnown: ABI_SMT_RESERVED_ONE | DEBUG | SINGLE_SOCKET,
    policyMustBeSet: SMT | RESERVED_ONE,
    policyMustBeClear: SINGLE_SOCKET,
  },
  {
    name: 'amd-6.8',
    meaning: "AMD's host kernels 6.6 to 6.8: guest features 0x21 (DebugSwap on by default), FPU state not measured",
    source: 'Linux commit d1f85fbe836e (DebugSwap); AMD host kernel branches before the FPU synchronisation of 6.10',
    featuresAlways: SNP_ACTIVE | DEBUG_SWAP,
    featuresOnRequest: 0n,
    fpuStateMeasured: false,
    policyKnown: ABI_SMT_RESERVED_ONE | DEBUG | SINGLE_SOCKET,
    policyMustBeSet: SMT | RESERVED_ONE,
    policyMustBeClear: SINGLE_SOCKET,
  },
];

/** The profile of a name; undefined where there is none. */
export function findHostProfile(name: string): HostProfile | undefined {
  return HOST_PROFILES.find((profile) => profile.name === name);
}

/** Does this kernel pass a guest policy on to the firmware? */
export function kernelAcceptsPolicy(profile: HostProfile, policy: bigint): boolean {
  return (
    (policy & ~profile.policyKnown) === 0n &&
    (policy & profile.policyMustBeSet) === profile.policyMustBeSet &&
    (policy & profile.policyMustBeClear) === 0n
  );
}
