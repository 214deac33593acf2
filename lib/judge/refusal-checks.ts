import { type Finding, failed, notApplicable, passed } from '../finding.ts';
import { describeExpectation, type ExpectedRefusal } from '../scenarios/expectation.ts';
import { quoted } from '../text.ts';
import { knownRefusal, launchAccepted } from './launch-check.ts';
import type { Subject } from './subject.ts';

function isThe(expected: ExpectedRefusal, seen: { command: string; ret: number; fwError: number }): boolean {
  return expected.command === seen.command && expected.ret === seen.ret && expected.fwError === seen.fwError;
}

/**
 * Was the launch refused by the one who had to refuse it, at that command and for that reason? A refusal for another
 * reason, and none at all, are failures; a machine that could not launch anything says nothing.
 */
export function launchRefused(subject: Subject): Finding {
  const { expectation, evidence } = subject;
  const { refusal: seen } = evidence.outcome;
  if (expectation.outcome !== 'refused')
    return notApplicable(`what must come of it is ${describeExpectation(expectation)}`);
  const { refusal, why } = expectation;
  if (seen !== null) {
    const line = quoted(seen.line);
    if (isThe(refusal, seen)) return passed(`${describeExpectation(expectation)}\n${why}`, refusal.line, line);
    const told = `expected a launch ${describeExpectation(expectation)} (${why}), got: ${line}`;
    return knownRefusal(seen)?.blames === 'machine'
      ? notApplicable(`the machine cannot launch; ${told}`, refusal.line, line)
      : failed(told, refusal.line, line);
  }
  const { status, detail, observed } = launchAccepted(subject);
  if (status === 'not-applicable') return notApplicable(detail, refusal.line);
  const got = status === 'pass' ? 'the launch was accepted' : detail;
  return failed(`expected a launch ${describeExpectation(expectation)} (${why}), but ${got}`, refusal.line, observed);
}

/** Did QEMU end without any sign of a guest: no running state, no word, no report, no console? */
export function noGuestRan({ evidence: { outcome }, report }: Subject): Finding {
  const running = outcome.trace.some((line) => line.event === 'change_state' && line.to === 'running');
  const signs = [
    ...(running ? ["QEMU's trace reached the running state"] : []),
    ...(outcome.state === 'ran' ? ['the guest announced itself'] : []),
    ...(report.state === 'absent' ? [] : ['there is a report']),
    ...(outcome.console === '' ? [] : [`its console says ${quoted(outcome.console)}`]),
  ];
  if (signs.length > 0) return failed(`a guest ran: ${signs.join('; ')}`);
  if (outcome.state === 'silent') return notApplicable('QEMU did not end by itself, so a guest may have run');
  return passed(`QEMU ended with exit code ${outcome.exitCode}, and no guest ran`);
}
