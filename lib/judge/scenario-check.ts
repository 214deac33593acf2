import { type Finding, failed, notApplicable, passed } from '../finding.ts';
import { checkIdAuth } from '../identity/id-auth-check.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import type { Defect } from '../scenarios/scenario.ts';
import { hexNumber, hexOf } from '../text.ts';
import { launchedPolicy, type Subject } from './subject.ts';

/** All that is wrong with the ID block and ID auth that were sent, found as the firmware would find it, without one. */
function defectsOf(subject: Subject): Defect[] {
  const { idBlock, idAuth, evidence, prediction } = subject;
  const defects: Defect[] = [];
  if (idBlock.state === 'absent') defects.push('no-id-block');
  if (idAuth.state === 'absent') defects.push('no-id-auth');
  if (idBlock.state !== 'read') return defects;
  if (hexOf(idBlock.value.launchDigest) !== hexOf(prediction.launchDigest)) defects.push('digest');
  if (idBlock.value.policy !== launchedPolicy(evidence)) defects.push('policy');
  if (idAuth.state !== 'read') return defects;
  const { authorKeyEnabled } = evidence.sent;
  const results = checkIdAuth(idBlock.bytes, idAuth.bytes, { authorKeyEnabled });
  return [...defects, ...results.filter(({ status }) => status === 'fail').map(({ name }) => name)];
}

const listed = (defects: readonly string[]): string => [...defects].sort().join(', ') || 'nothing';

/**
 * Was sent what the scenario says, with all of its defects and no other? Without this a refusal would prove less: a digest
 * that was predicted wrong is refused as well.
 */
export function sentAsMeant(subject: Subject): Finding {
  const { scenario, evidence } = subject;
  if (scenario === undefined) return notApplicable('this version knows no such scenario');
  const meant = scenario.guestPolicy(BigInt(evidence.cell.guestPolicy), policyFactsOf(evidence.host));
  const launched = launchedPolicy(evidence);
  if (meant !== undefined && meant !== launched) {
    return failed('the guest policy is not the one of the scenario', hexNumber(meant), hexNumber(launched));
  }
  const [expected, observed] = [listed(scenario.defects), listed(defectsOf(subject))];
  if (expected === observed) return passed(`wrong with what was sent: ${observed}`, expected, observed);
  return failed('wrong with what was sent is something else than the scenario says', expected, observed);
}
