import type { Evidence } from '../evidence/schema.ts';
import type { Check } from '../finding.ts';
import type { Prediction } from '../measure/inputs.ts';
import { describeExpectation, type Expectation } from '../scenarios/expectation.ts';
import { attestationChecks, ESSENTIAL_ATTESTATION_CHECK, REFUSED_CHECK } from './attestation-checks.ts';
import { CHECKS } from './checks.ts';
import { type Subject, subjectOf } from './subject.ts';
import type { Verdict } from './verdict.ts';

/**
 * What follows from the checks: nothing passes unless what had to come of the launch came. Where the guest had to run, it
 * ran and a check passed; where it had to be refused, it was, for that reason.
 */
export function resultOf(
  checks: readonly Check[],
  state: Evidence['outcome']['state'],
  outcome: Expectation['outcome'] = 'accepted',
  essential: readonly string[] = [],
): Verdict['result'] {
  if (checks.some(({ status }) => status === 'fail')) return 'fail';
  const passes = (name?: string): boolean =>
    checks.some((check) => check.status === 'pass' && check.name === (name ?? check.name));
  const came =
    outcome === 'accepted'
      ? state === 'ran' && passes() && essential.every(passes)
      : (outcome === 'open' || passes('launch-refused')) && passes('no-guest-ran');
  return came ? 'pass' : 'infrastructure';
}

/** What a scenario is launched for: where that could not be found out, nothing has passed. */
function essentialChecks({ scenario }: Subject): string[] {
  if (scenario?.attestation === undefined) return [];
  const { launches, refused } = scenario.attestation;
  return [
    ESSENTIAL_ATTESTATION_CHECK,
    ...(launches === 2 ? ['launches-agree'] : []),
    ...(refused === undefined ? [] : [REFUSED_CHECK]),
  ];
}

/**
 * Makes every check on the evidence of one launch that it is asked of. What is wrong with the evidence is found, not thrown.
 * @param prediction made now, from the inputs of the cell   @param evidence as its schema lets it through
 */
export function judge(prediction: Prediction, evidence: Evidence): Verdict {
  const subject = subjectOf(prediction, evidence);
  const asked = CHECKS.filter((row) => row.asked?.(subject) ?? true);
  const made = asked.map(({ name, run }) => ({ name, ...run(subject) }));
  const checks = [...made, ...attestationChecks(subject)];
  const essential = essentialChecks(subject);
  const result = resultOf(checks, evidence.outcome.state, subject.expectation.outcome, essential);
  return evidence.scenario === undefined
    ? { result, checks }
    : { result, expected: describeExpectation(subject.expectation), checks };
}
