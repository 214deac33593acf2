import type { Evidence } from '../evidence/schema.ts';
import type { Check } from '../finding.ts';
import type { Prediction } from '../measure/inputs.ts';
import { CHECKS } from './checks.ts';
import { subjectOf } from './subject.ts';
import type { Verdict } from './verdict.ts';

/** What follows from the checks: nothing passes unless the guest ran and a check passed. */
export function resultOf(checks: readonly Check[], state: Evidence['outcome']['state']): Verdict['result'] {
  if (checks.some(({ status }) => status === 'fail')) return 'fail';
  return state === 'ran' && checks.some(({ status }) => status === 'pass') ? 'pass' : 'infrastructure';
}

/**
 * Makes every check on the evidence of one cell. What is wrong with the evidence is found, not thrown.
 * @param prediction made now, from the inputs of the cell   @param evidence as its schema lets it through
 */
export function judge(prediction: Prediction, evidence: Evidence): Verdict {
  const subject = subjectOf(prediction, evidence);
  const checks = CHECKS.map(({ name, run }) => ({ name, ...run(subject) }));
  return { result: resultOf(checks, evidence.outcome.state), checks };
}
