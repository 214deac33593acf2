import { describeGuestPolicy, parseGuestPolicy } from '../identity/guest-policy.ts';
import type { LaunchFacts, LaunchRule } from './launch-rule.ts';

const hexOf = (value: bigint): string => `0x${value.toString(16)}`;

/** The policy of the launch; null where there is none to look at. */
const policyOf = ({ launch }: LaunchFacts): bigint | null => launch.snp?.policy ?? null;

/** 0x1, 0x21 and their like: SEV_FEATURES bits, and no policy that anyone has. */
const looksLikeFeatures = (policy: bigint): boolean => policy < 1n << 16n && (policy & 1n) === 1n;

/** Bits that Linux 6.12 refuses or wants set. Source: Linux 6.12, arch/x86/kvm/svm/sev.c, snp_launch_start. */
function refusedByKernels(policy: bigint): string[] {
  const { bits } = parseGuestPolicy(policy);
  const newer = bits.filter((bit) => !['SMT', 'RESERVED_ONE', 'DEBUG', 'SINGLE_SOCKET'].includes(bit));
  return [
    ...newer.map((bit) => `${bit} is set (Linux 6.12 to 6.18 refuse it)`),
    ...(bits.includes('SMT') ? [] : ['SMT is clear (Linux 6.12 wants it set)']),
    ...(bits.includes('SINGLE_SOCKET') ? ['SINGLE_SOCKET is set (Linux 6.12 wants it clear)'] : []),
  ];
}

/** The guest policy: it changes no digest, but a wrong one launches nothing. */
export const POLICY_RULES: readonly LaunchRule[] = [
  {
    id: 'policy-is-features',
    severity: 'error',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || !looksLikeFeatures(policy)) return null;
      return {
        what: `policy=${hexOf(policy)} looks like guest features`,
        hint: 'policy and features are different things: the policy is 0x30000 by default, features go to --guest-features',
      };
    },
  },
  {
    id: 'policy-bit-17',
    severity: 'error',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || (policy & (1n << 17n)) !== 0n) return null;
      return {
        what: `policy=${hexOf(policy)}: bit 17 must be one`,
        hint: 'no kernel launches this; did you mean 0x30000?',
      };
    },
  },
  {
    id: 'policy-reserved',
    severity: 'error',
    find: (facts) => {
      const policy = policyOf(facts);
      const unknown = policy === null ? 0n : parseGuestPolicy(policy).unknownBits;
      if (policy === null || unknown === 0n) return null;
      return {
        what: `policy=${hexOf(policy)}: the bits ${hexOf(unknown)} are reserved`,
        hint: 'no kernel launches this',
      };
    },
  },
  {
    id: 'policy-kernel',
    severity: 'warning',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || looksLikeFeatures(policy)) return null;
      return refusedByKernels(policy).map((why) => ({ what: `policy=${hexOf(policy)}: ${why}` }));
    },
  },
  {
    id: 'policy-debug',
    severity: 'warning',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || (policy & (1n << 19n)) === 0n) return null;
      return { what: `policy=${hexOf(policy)}: debugging is allowed, so the host may read the guest` };
    },
  },
  {
    id: 'policy',
    severity: 'info',
    find: (facts) => {
      const policy = policyOf(facts);
      return policy === null ? null : { what: `not measured: policy ${describeGuestPolicy(policy)}` };
    },
  },
];
