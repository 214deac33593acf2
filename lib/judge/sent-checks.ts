import type { IdBlock } from '../abi/id-block.ts';
import { compared, type Finding, failed, notApplicable } from '../finding.ts';
import { checkIdentity, isWrongForLaunch } from '../identity/identity-check.ts';
import { hexNumber, hexOf } from '../text.ts';
import { launchedPolicy, type Subject } from './subject.ts';

function ofIdBlock({ idBlock }: Subject, check: (block: IdBlock) => Finding): Finding {
  if (idBlock.state === 'absent') return notApplicable(idBlock.why);
  if (idBlock.state === 'damaged') return failed(`the ID block that was sent cannot be read: ${idBlock.why}`);
  return check(idBlock.value);
}

/** The guest policy that the launch was meant to have, as 0x hex without leading zeros. */
export function meantPolicy({ evidence }: Subject): string {
  return hexNumber(launchedPolicy(evidence));
}

/** Was the launch started with the policy that it was meant to have? */
export function launchPolicy(subject: Subject): Finding {
  const start = subject.evidence.outcome.trace.find((line) => line.event === 'launch_start');
  if (start === undefined) return notApplicable("QEMU's trace has no SNP_LAUNCH_START", meantPolicy(subject));
  return compared(meantPolicy(subject), hexNumber(BigInt(start.policy)), {
    holds: 'QEMU launched with the policy that it was given',
    broken: 'QEMU launched with another policy than it was given',
  });
}

/** Does the ID block that was sent carry the predicted digest? On replay this finds a change of the prediction. */
export function idBlockDigest(subject: Subject): Finding {
  return ofIdBlock(subject, (block) =>
    compared(hexOf(subject.prediction.launchDigest), hexOf(block.launchDigest), {
      holds: 'the ID block carries the predicted launch digest',
      broken: 'the ID block that was sent carries another launch digest than is predicted now',
    }),
  );
}

/** Does the ID block that was sent carry the policy of the launch? */
export function idBlockPolicy(subject: Subject): Finding {
  return ofIdBlock(subject, (block) =>
    compared(meantPolicy(subject), hexNumber(block.policy), {
      holds: 'the ID block carries the policy of the launch',
      broken: 'the ID block that was sent carries another policy than the launch has',
    }),
  );
}

/** Do keys and signatures of the ID auth that was sent hold, as the firmware would verify them? */
export function idAuthSignatures({ idBlock, idAuth, evidence }: Subject): Finding {
  if (idBlock.state === 'absent' && idAuth.state === 'absent') return notApplicable('no ID auth was sent');
  if (idBlock.state !== 'read') return failed(`an ID auth was sent without a readable ID block: ${idBlock.why}`);
  if (idAuth.state !== 'read') return failed(`an ID block was sent without a readable ID auth: ${idAuth.why}`);
  const broken = checkIdentity({
    idBlock: idBlock.bytes,
    idAuth: idAuth.bytes,
    authorKeyEnabled: evidence.sent.authorKeyEnabled,
    // Digest and policy have checks of their own.
    launchDigest: null,
    policy: null,
  }).filter(isWrongForLaunch);
  if (broken.length > 0) return failed(broken.map(({ name, detail }) => `${name}: ${detail}`).join('; '));
  return { status: 'pass', expected: null, observed: null, detail: 'keys and signatures of the ID auth hold' };
}
