import { describeGuestPolicy, guestPolicyHas, parseGuestPolicy } from '../identity/guest-policy.ts';
import { KVM_POLICY_RULES } from '../identity/kvm-policy-rules.ts';
import { policyContradictions } from '../identity/policy-contradictions.ts';
import { policySuspicion } from '../identity/policy-suspicions.ts';
import type { LaunchFacts, LaunchRule } from './launch-rule.ts';

const hexOf = (value: bigint): string => `0x${value.toString(16)}`;

/** The policy of the launch; null where there is none to look at. */
const policyOf = ({ launch }: LaunchFacts): bigint | null => launch.snp?.policy ?? null;

const isFeatures = (policy: bigint): boolean => policySuspicion(policy)?.kind === 'guest-features';

/** Which upstream kernels refuse a policy that bit 17 and the reserved bits do not forbid already, and for what. */
function refusedByKernels(policy: bigint): string[] {
  return KVM_POLICY_RULES.flatMap((kvmRules) => {
    const fields = policyContradictions(policy, { kvmRules })
      .filter(({ refusedBy, field }) => refusedBy === 'kvm' && field !== 'RESERVED' && field !== 'RESERVED_ONE')
      .map(({ field, bits }) => `${field} (bit ${bits})`);
    return fields.length === 0 ? [] : [`${kvmRules.kernels} refuse it for ${fields.join(', ')}`];
  });
}

/** The guest policy: it changes no digest, but a wrong one launches nothing. */
export const POLICY_RULES: readonly LaunchRule[] = [
  {
    id: 'policy-is-features',
    severity: 'error',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || !isFeatures(policy)) return null;
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
      if (policy === null || guestPolicyHas(policy, 'RESERVED_ONE')) return null;
      const meant = policySuspicion(policy)?.meant ?? null;
      return {
        what: `policy=${hexOf(policy)}: bit 17 must be one`,
        hint: `no kernel launches this${meant === null ? '' : `; did you mean ${hexOf(meant)}?`}`,
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
        hint: 'no kernel launches this; `snp-conform policy` explains every bit',
      };
    },
  },
  {
    id: 'policy-kernel',
    severity: 'warning',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || isFeatures(policy)) return null;
      return refusedByKernels(policy).map((why) => ({ what: `policy=${hexOf(policy)}: ${why}` }));
    },
  },
  {
    id: 'policy-debug',
    severity: 'warning',
    find: (facts) => {
      const policy = policyOf(facts);
      if (policy === null || !guestPolicyHas(policy, 'DEBUG')) return null;
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
