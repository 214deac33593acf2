import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { policyContradictions, undecidedPolicyFields } from '../identity/policy-contradictions.ts';
import type { PolicyHostFacts } from '../identity/policy-host-facts.ts';
import { ERRNO } from '../refusals/kvm-refusals.ts';
import { ATTESTATION_SCENARIOS } from './attestation-scenarios.ts';
import { type Expectation, refusedByFirmware, refusedByKvm } from './expectation.ts';
import { IDENTITY_SCENARIOS } from './identity-scenarios.ts';
import { POLICY_SCENARIOS } from './policy-scenarios.ts';
import type { Scenario, ScenarioSuite } from './scenario.ts';

/** Every scenario, by suite, in the order in which they are run. A new one is a new row of its table. */
export const SCENARIOS: Readonly<Record<ScenarioSuite, readonly Scenario[]>> = {
  identity: IDENTITY_SCENARIOS,
  policy: POLICY_SCENARIOS,
  attestation: ATTESTATION_SCENARIOS,
};

/** The scenario of a name; undefined for one that this version does not have. */
export function findScenario(name: string): Scenario | undefined {
  return Object.values(SCENARIOS)
    .flat()
    .find((scenario) => scenario.name === name);
}

/**
 * What must come of a launch with a guest policy, nothing else being wrong.
 * Source: AMD 56860, SNP_LAUNCH_START and SNP_ACTIVATE; Linux, arch/x86/kvm/svm/sev.c, snp_launch_start
 */
export function policyExpectation(policy: bigint, facts: PolicyHostFacts): Expectation {
  const [first] = policyContradictions(policy, facts);
  const undecided = undecidedPolicyFields(policy, facts);
  const unknown = (fields: typeof undecided): Expectation => ({
    outcome: 'unknown',
    why: `it is not known what this host makes of ${fields.map(({ field, bits }) => `${field} (bit ${bits})`).join(', ')}`,
  });
  // KVM says no before the firmware is asked: while it is open whether KVM does, it is open who says no.
  const openForKvm = undecided.filter(({ by }) => by === 'kvm');
  if (first?.refusedBy !== 'kvm' && openForKvm.length > 0) return unknown(openForKvm);
  if (first !== undefined) {
    const { refusedBy, field, bits, why, certainty } = first;
    const inferred = certainty === 'likely' ? ' (likely: inferred from the kernel or the product line)' : '';
    const refusal =
      refusedBy === 'kvm'
        ? refusedByKvm('SNP_LAUNCH_START', ERRNO.EINVAL)
        : refusedByFirmware('SNP_LAUNCH_START', FIRMWARE_STATUS.POLICY_FAILURE);
    return { outcome: 'refused', refusal, why: `${field} (bit ${bits}): ${why}${inferred}` };
  }
  return undecided.length > 0 ? unknown(undecided) : { outcome: 'accepted' };
}

/** What must come of a scenario that is launched with a guest policy: the policy is looked at first. */
export function expectationOf(scenario: Scenario, policy: bigint, facts: PolicyHostFacts): Expectation {
  const ofPolicy = policyExpectation(policy, facts);
  return ofPolicy.outcome === 'accepted' ? scenario.expectation : ofPolicy;
}
