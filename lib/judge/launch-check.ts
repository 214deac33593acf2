import { FIRMWARE_STATUS, firmwareStatusName, NO_FW_CALL } from '../abi/firmware-status.ts';
import type { Evidence, Refusal } from '../evidence/schema.ts';
import { type Finding, failed, notApplicable } from '../finding.ts';
import { lastLine, quoted } from '../text.ts';
import type { Subject } from './subject.ts';

/** What QEMU's trace shows once the firmware let the guest run. Source: QEMU, target/i386/sev.c, sev_set_guest_state. */
const ACCEPTED = 'launch-update -> running';

const { POLICY_FAILURE, BAD_SIGNATURE, BAD_MEASUREMENT, INVALID_PARAM, SUCCESS } = FIRMWARE_STATUS;

/**
 * Statuses that tell of the machine and never of the guest: no slot, no initialised platform, broken hardware.
 * Source: AMD 56860, status codes of SNP_LAUNCH_START, SNP_ACTIVATE and SNP_LAUNCH_FINISH.
 */
const MACHINE_STATUSES: readonly number[] = [
  FIRMWARE_STATUS.INVALID_PLATFORM_STATE,
  FIRMWARE_STATUS.ASID_OWNED,
  FIRMWARE_STATUS.INVALID_ASID,
  FIRMWARE_STATUS.WBINVD_REQUIRED,
  FIRMWARE_STATUS.DFFLUSH_REQUIRED,
  FIRMWARE_STATUS.HWERROR_PLATFORM,
  FIRMWARE_STATUS.HWERROR_UNSAFE,
  FIRMWARE_STATUS.RESOURCE_LIMIT,
  FIRMWARE_STATUS.RMP_INIT_REQUIRED,
  FIRMWARE_STATUS.SHUTDOWN_REQUIRED,
  FIRMWARE_STATUS.UPDATE_FAILED,
  FIRMWARE_STATUS.RESTORE_REQUIRED,
  FIRMWARE_STATUS.RMP_INITIALIZATION_FAILED,
];

/**
 * What a refusal proves. SNP_LAUNCH_FINISH compares digest, policy and signatures in this order and stops at the first
 * that is wrong. Source: AMD 56860, SNP_LAUNCH_FINISH.
 */
function meaning({ command, fwError }: Refusal, { evidence }: Subject): string {
  const policy = evidence.cell.guestPolicy;
  switch (`${command} ${fwError}`) {
    case `SNP_LAUNCH_FINISH ${BAD_MEASUREMENT}`:
      return 'what the firmware measured is not the launch digest of the ID block; it does not report what it measured';
    case `SNP_LAUNCH_FINISH ${POLICY_FAILURE}`:
      return `the policy of the ID block is not the one launched with, ${policy}; the launch digest was accepted before`;
    case `SNP_LAUNCH_FINISH ${BAD_SIGNATURE}`:
      return 'a signature or key of the ID auth is wrong; launch digest and policy were accepted before';
    case `SNP_LAUNCH_FINISH ${INVALID_PARAM}`:
      return 'a field of the launch is not valid; early Milan firmware says so of an ID block without author key';
    case `SNP_LAUNCH_UPDATE ${INVALID_PARAM}`:
      return 'the firmware does not accept the CPUID page; QEMU names the leaves on its stderr';
    case `SNP_LAUNCH_START ${POLICY_FAILURE}`:
      return `the firmware does not launch the guest policy ${policy}: ABI version, SMT or a reserved bit`;
    default:
      return `the status is ${firmwareStatusName(fwError)}`;
  }
}

function refused(refusal: Refusal, subject: Subject): Finding {
  const { command, ret, fwError, text } = refusal;
  const said = `${command} ret=${ret} fw_error=${fwError} '${quoted(text)}'`;
  const line = quoted(refusal.line);
  if (subject.evidence.outcome.state === 'refused' && MACHINE_STATUSES.includes(fwError)) {
    const headline = `the machine cannot launch: ${said}`;
    return notApplicable(`${headline}\nthe status is ${firmwareStatusName(fwError)}: of the machine, not of the guest`);
  }
  if (fwError === SUCCESS || fwError === NO_FW_CALL) {
    return failed(`launch refused by KVM, which did not ask the firmware: ${said}`, ACCEPTED, line);
  }
  return failed(`launch refused by the firmware: ${said}\n${meaning(refusal, subject)}`, ACCEPTED, line);
}

function ended({ exitCode, stderr }: Evidence['outcome']): string {
  const words = lastLine(stderr);
  return `${exitCode === null ? 'by a signal' : `with exit code ${exitCode}`}${words === '' ? '' : `: ${words}`}`;
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
    return failed(`QEMU gave the launch up and ended ${ended(outcome)}`, ACCEPTED);
  }
  return notApplicable(`QEMU never asked for the launch and ended ${ended(outcome)}`, ACCEPTED);
}
