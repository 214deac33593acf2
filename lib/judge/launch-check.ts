import { FIRMWARE_STATUS, firmwareStatusName, NO_FW_CALL } from '../abi/firmware-status.ts';
import type { Evidence, Refusal } from '../evidence/schema.ts';
import { type Finding, failed, notApplicable } from '../finding.ts';
import { policyContradictions } from '../identity/policy-contradictions.ts';
import type { KnownRefusal, LaunchStep } from '../refusals/known-refusal.ts';
import { recogniseLog } from '../refusals/log.ts';
import { recogniseNumbers } from '../refusals/recognise.ts';
import { hexNumber, lastLine, quoted } from '../text.ts';
import { launchedPolicy, type Subject } from './subject.ts';

/** What QEMU's trace shows once the firmware let the guest run. Source: QEMU, target/i386/sev.c, sev_set_guest_state. */
const ACCEPTED = 'launch-update -> running';

const { POLICY_FAILURE, SUCCESS } = FIRMWARE_STATUS;

const STEPS = {
  SNP_LAUNCH_START: 'START',
  SNP_LAUNCH_UPDATE: 'UPDATE',
  SNP_LAUNCH_FINISH: 'FINISH',
} as const satisfies Record<Refusal['command'], LaunchStep>;

/** The row of the table of errors that tells most of a refusal; undefined where nothing is known of it. */
export function knownRefusal({ command, ret, fwError }: Refusal): KnownRefusal | undefined {
  return recogniseNumbers({ step: STEPS[command], ret, status: fwError }).refusals[0];
}

function wasAsked({ fwError }: Refusal): boolean {
  return fwError !== SUCCESS && fwError !== NO_FW_CALL;
}

/** What the policy of this very launch has to do with it, where it has. */
function ofPolicy(refusal: Refusal, { evidence }: Subject): string[] {
  const { host } = evidence;
  const launched = launchedPolicy(evidence);
  const policy = `the policy launched with is ${hexNumber(launched)}`;
  if (wasAsked(refusal)) return refusal.fwError === POLICY_FAILURE ? [policy] : [];
  if (refusal.command !== 'SNP_LAUNCH_START') return [];
  // Of an emulated host the name of the profile ends with the release of the kernel that it passes for.
  const release = /\d+\.\d+\S*/.exec(host.profile ?? host.kernel)?.[0];
  const refused = policyContradictions(launched, { kernelRelease: release }).filter(
    ({ refusedBy }) => refusedBy === 'kvm',
  );
  return [policy, ...refused.map(({ field, bits, why }) => `bit ${bits}, ${field}: ${quoted(why)}`)];
}

/** What is known of a refusal, one line each. */
function explained(refusal: Refusal, subject: Subject): string[] {
  const known = knownRefusal(refusal);
  if (known === undefined) return [`the status is ${firmwareStatusName(refusal.fwError)}, of which nothing is known`];
  const { id, name, meaning, cause, remedy } = known;
  const named = known.recognition.by === 'status' ? `the status is ${name}: ${meaning}` : meaning;
  return [named, ...ofPolicy(refusal, subject), `likely cause: ${cause}`, `what to do: ${remedy} [${id}]`];
}

function refused(refusal: Refusal, subject: Subject): Finding {
  const { command, ret, fwError, text } = refusal;
  const said = `${command} ret=${ret} fw_error=${fwError} '${quoted(text)}'`;
  const line = quoted(refusal.line);
  const told = (headline: string): string => [headline, ...explained(refusal, subject)].join('\n');
  if (subject.evidence.outcome.state === 'refused' && knownRefusal(refusal)?.blames === 'machine') {
    return notApplicable(told(`the machine cannot launch: ${said}`));
  }
  const who = wasAsked(refusal) ? 'by the firmware' : 'by KVM, which did not ask the firmware';
  return failed(told(`launch refused ${who}: ${said}`), ACCEPTED, line);
}

function ended({ exitCode, stderr }: Evidence['outcome']): string {
  const words = lastLine(stderr);
  return `${exitCode === null ? 'by a signal' : `with exit code ${exitCode}`}${words === '' ? '' : `: ${words}`}`;
}

/** What is known of the words with which QEMU gave a launch up, for none of its lines tells of a command. */
function wordsExplained({ stderr }: Evidence['outcome']): string[] {
  return recogniseLog(stderr)
    .flatMap(({ refusals }) => refusals)
    .slice(0, 3)
    .flatMap(({ id, meaning, remedy }) => [meaning, `what to do: ${remedy} [${id}]`]);
}

/**
 * Did QEMU's trace reach a running guest, with no refusal? A launch that the machine could not make, or that was never
 * asked for, says nothing of the guest.
 */
export function launchAccepted(subject: Subject): Finding {
  const { outcome } = subject.evidence;
  if (outcome.refusal !== null) return refused(outcome.refusal, subject);
  const reached = (from: string, to: string): boolean =>
    outcome.trace.some((line) => line.event === 'change_state' && line.from === from && line.to === to);
  if (reached('launch-update', 'running')) {
    const detail = outcome.state === 'refused' ? `accepted; then QEMU ended ${ended(outcome)}` : 'accepted';
    return { status: 'pass', expected: ACCEPTED, observed: ACCEPTED, detail };
  }
  if (outcome.state === 'ran') return failed("the guest spoke, but QEMU's trace shows no accepted launch", ACCEPTED);
  if (outcome.state === 'silent') return notApplicable('QEMU neither ended nor let the guest run in time', ACCEPTED);
  if (outcome.trace.some(({ event }) => event === 'launch_start')) {
    return failed(
      [`QEMU gave the launch up and ended ${ended(outcome)}`, ...wordsExplained(outcome)].join('\n'),
      ACCEPTED,
    );
  }
  const headline = `QEMU never asked for the launch and ended ${ended(outcome)}`;
  return notApplicable([headline, ...wordsExplained(outcome)].join('\n'), ACCEPTED);
}
