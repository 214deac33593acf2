import { type Finding, failed, notApplicable, passed } from '../finding.ts';
import { checkIdentity, isWrongForLaunch } from '../identity/identity-check.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import type { Defect } from '../scenarios/scenario.ts';
import { hexNumber } from '../text.ts';
import { launchedPolicy, type Subject } from './subject.ts';

/** All that is wrong with the ID block and ID auth that were sent, found as the firmware would find it, without one. */
function defectsOf(subject: Subject): Defect[] {
  const { idBlock, idAuth, evidence, prediction } = subject;
  const absent: Defect[] = [
    ...(idBlock.state === 'absent' ? (['no-id-block'] as const) : []),
    ...(idAuth.state === 'absent' ? (['no-id-auth'] as const) : []),
  ];
  if (idBlock.state !== 'read' || idAuth.state !== 'read') return absent;
  const results = checkIdentity({
    idBlock: idBlock.bytes,
    idAuth: idAuth.bytes,
    authorKeyEnabled: evidence.sent.authorKeyEnabled,
    launchDigest: prediction.launchDigest,
    policy: launchedPolicy(evidence),
  });
  return results.filter(isWrongForLaunch).map(({ name }) => name);
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
