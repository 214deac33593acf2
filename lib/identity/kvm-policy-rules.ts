/** Which guest policies KVM passes on to the firmware; the others it answers with EINVAL itself. */
export interface KvmPolicyRules {
  /** Bits that KVM knows; a policy with others is refused. */
  readonly policyKnown: bigint;
  readonly policyMustBeSet: bigint;
  readonly policyMustBeClear: bigint;
  /** Bits that KVM knows where the firmware announces them (SNP_FEATURE_INFO). */
  readonly policyKnownIfAnnounced?: bigint;
}

/** The rules of a range of upstream kernels. */
export interface KvmPolicyRulesRow extends KvmPolicyRules {
  /** The first kernel that has them, and the range in words. */
  readonly since: readonly [major: number, minor: number];
  readonly kernels: string;
  readonly source: string;
}

const ABI = 0xffffn;
const SMT = 1n << 16n;
const RESERVED_ONE = 1n << 17n;
const DEBUG = 1n << 19n;
const SINGLE_SOCKET = 1n << 20n;
/** CXL_ALLOW, MEM_AES_256_XTS, RAPL_DIS, CIPHERTEXT_HIDING_DRAM, PAGE_SWAP_DISABLE. */
const ANNOUNCED = 0x3e0_0000n;

/**
 * What upstream kernels pass on, the oldest first. Distributions backport, so that of their kernels the release says only
 * what is likely. None passes on MIGRATE_MA: KVM launches no migration agent.
 */
export const KVM_POLICY_RULES: readonly KvmPolicyRulesRow[] = [
  {
    since: [6, 11],
    kernels: 'Linux 6.11 to 6.16',
    policyKnown: ABI | SMT | RESERVED_ONE | DEBUG | SINGLE_SOCKET,
    policyMustBeSet: SMT | RESERVED_ONE,
    policyMustBeClear: SINGLE_SOCKET,
    source: 'Linux 6.12, arch/x86/kvm/svm/sev.c, snp_launch_start',
  },
  {
    since: [6, 17],
    kernels: 'Linux 6.17 and 6.18',
    policyKnown: ABI | SMT | RESERVED_ONE | DEBUG | SINGLE_SOCKET,
    policyMustBeSet: RESERVED_ONE,
    policyMustBeClear: 0n,
    source: 'Linux commits 9f4701e05fae and 24be2b7956a5: SMT and sockets are left to the firmware',
  },
  {
    since: [6, 19],
    kernels: 'Linux 6.19 and later',
    policyKnown: ABI | SMT | RESERVED_ONE | DEBUG | SINGLE_SOCKET,
    policyMustBeSet: RESERVED_ONE,
    policyMustBeClear: 0n,
    policyKnownIfAnnounced: ANNOUNCED,
    source: 'Linux 6.19, KVM_X86_SNP_POLICY_BITS; drivers/crypto/ccp/sev-dev.c, sev_get_snp_policy_bits',
  },
];

/**
 * The rules of an upstream kernel.
 * @param release as `uname -r` says it, with anything after major and minor: `6.12.107-generic`
 * @returns undefined for a text that is no release, and for kernels before 6.11, whose SNP support was not upstream
 */
export function kvmPolicyRulesOf(release: string): KvmPolicyRulesRow | undefined {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,4})(?!\d)/.exec(release) ?? [];
  const isReached = ({ since }: KvmPolicyRulesRow): boolean =>
    Number(major) > since[0] || (Number(major) === since[0] && Number(minor) >= since[1]);
  return major === undefined ? undefined : KVM_POLICY_RULES.findLast(isReached);
}
