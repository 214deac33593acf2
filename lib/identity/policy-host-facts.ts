import type { KvmPolicyRules } from './kvm-policy-rules.ts';

/** What is known of a host; what is absent is not known, and nothing follows from it. */
export interface PolicyHostFacts {
  /** The API version of the firmware, as SNP_PLATFORM_STATUS or QEMU's query-sev tells it. */
  readonly apiMajor?: number | undefined;
  readonly apiMinor?: number | undefined;
  /** Is SMT on? /sys/devices/system/cpu/smt/active, or bit 0 of PLATFORM_INFO. */
  readonly smtActive?: boolean | undefined;
  readonly sockets?: number | undefined;
  /** `Milan`, `Genoa`, `Turin`: says what is likely of features that the firmware was not asked for. */
  readonly productLine?: string | undefined;
  /** `uname -r`: says what is likely, for distributions backport. */
  readonly kernelRelease?: string | undefined;
  /** What this very KVM passes on; wins over the release. */
  readonly kvmRules?: KvmPolicyRules | undefined;
  /** KVM_X86_SNP_POLICY_BITS, where the kernel has that attribute (6.19): every bit that KVM knows. Wins over both. */
  readonly kvmPolicyBits?: bigint | undefined;
  /** ECX of SNP_FEATURE_INFO, leaf 0x80000024. */
  readonly featureInfoEcx?: number | undefined;
  /** Is memory encrypted with AES-256-XTS? The BIOS decides. */
  readonly memAes256Xts?: boolean | undefined;
  /** Bits 3 and 4 of PLATFORM_INFO. */
  readonly raplDisabled?: boolean | undefined;
  readonly ciphertextHiding?: boolean | undefined;
  /** Are there CXL devices or memory? */
  readonly cxlPresent?: boolean | undefined;
}

/** Is the firmware's API older than a version? undefined: it is not known. */
export function apiIsOlder(
  { apiMajor, apiMinor }: PolicyHostFacts,
  version: { major: number; minor: number },
): boolean | undefined {
  if (apiMajor === undefined || apiMinor === undefined) return undefined;
  return apiMajor < version.major || (apiMajor === version.major && apiMinor < version.minor);
}
