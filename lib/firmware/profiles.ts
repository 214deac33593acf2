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
  /** Those that it knows where the firmware announces them. */
  policyKnownIfAnnounced: bigint;
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
const SECURE_TSC = 1n << 9n;

/** What every kernel here knows of the guest policy. */
const BASE_POLICY = ABI_SMT_RESERVED_ONE | DEBUG | SINGLE_SOCKET;

/** CXL_ALLOW to PAGE_SWAP_DISABLE. */
const ANNOUNCED_POLICY = 0x3e0_0000n;

/** Linux 6.11, the first with SNP guests, and what later rows differ from. */
const UPSTREAM = {
  featuresAlways: SNP_ACTIVE,
  featuresOnRequest: DEBUG_SWAP,
  fpuStateMeasured: true,
  policyKnown: BASE_POLICY,
  policyKnownIfAnnounced: 0n,
  policyMustBeSet: SMT | RESERVED_ONE,
  policyMustBeClear: SINGLE_SOCKET,
} as const satisfies Partial<HostProfile>;

/** The host kernels that an emulated host can pass for. A new one is a new row. */
export const HOST_PROFILES: readonly HostProfile[] = [
  {
    ...UPSTREAM,
    name: 'upstream-6.12',
    meaning: 'Linux 6.11 to 6.16: guest features 0x1 unless asked for more, FPU state measured; SMT must be allowed',
    source: 'Linux 6.12 arch/x86/kvm/svm/sev.c: sev_es_sync_vmsa, snp_launch_start',
  },
  {
    ...UPSTREAM,
    name: 'upstream-6.18',
    meaning:
      'Linux 6.17 and 6.18: as before, but SMT and single socket are left to the firmware; Secure TSC on request',
    source: 'Linux 6.18 arch/x86/kvm/svm/sev.c: snp_launch_start, since commits 9f4701e05fae and 24be2b7956a5 of 6.17',
    featuresOnRequest: DEBUG_SWAP | SECURE_TSC,
    policyMustBeSet: RESERVED_ONE,
    policyMustBeClear: 0n,
  },
  {
    ...UPSTREAM,
    name: 'upstream-6.19',
    meaning: 'Linux 6.19: as before, and the policy bits that the firmware announces pass',
    source: 'Linux commits c9434e64e8b4 and 275d6d1189e6 of 6.19: sev_get_snp_policy_bits, KVM_SNP_POLICY_MASK_VALID',
    featuresOnRequest: DEBUG_SWAP | SECURE_TSC,
    policyKnownIfAnnounced: ANNOUNCED_POLICY,
    policyMustBeSet: RESERVED_ONE,
    policyMustBeClear: 0n,
  },
  {
    ...UPSTREAM,
    name: 'amd-6.8',
    meaning: "AMD's host kernels 6.6 to 6.8: guest features 0x21 (DebugSwap on by default), FPU state not measured",
    source: 'Linux commit d1f85fbe836e (DebugSwap); AMD host kernel branches before the FPU synchronisation of 6.10',
    featuresAlways: SNP_ACTIVE | DEBUG_SWAP,
    featuresOnRequest: 0n,
    fpuStateMeasured: false,
  },
];

/** The profile of a name; undefined where there is none. */
export function findHostProfile(name: string): HostProfile | undefined {
  return HOST_PROFILES.find((profile) => profile.name === name);
}

/** Does this kernel pass a guest policy on to the firmware? @param announced the policy bits that the firmware announces */
export function kernelAcceptsPolicy(profile: HostProfile, policy: bigint, announced: bigint): boolean {
  const known = profile.policyKnown | (profile.policyKnownIfAnnounced & announced);
  return (
    (policy & ~known) === 0n &&
    (policy & profile.policyMustBeSet) === profile.policyMustBeSet &&
    (policy & profile.policyMustBeClear) === 0n
  );
}
