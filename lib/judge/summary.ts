import type { Check } from '../finding.ts';
import type { Verdict } from './verdict.ts';

/** The checks of what came of the launch; a verdict has one of them. */
const LAUNCH_CHECKS: readonly string[] = ['launch-accepted', 'launch-refused'];

function checkOf(verdict: Verdict, name: string): Check | undefined {
  return verdict.checks.find((check) => check.name === name);
}

function firstLine(text: string): string {
  return text.split('\n', 1).join('');
}

/** Says why there is nothing to verify a report with, where that is the lab's trouble. */
const CERTIFICATES_CHECK = 'attestation-certificates';

/** The one line that says it all. */
function headline(verdict: Verdict): string {
  const count = (status: Check['status']): number => verdict.checks.filter((check) => check.status === status).length;
  const tally = `${count('pass')} checks passed, ${count('not-applicable')} not applicable`;
  if (verdict.result === 'pass') return `pass: ${tally}`;
  const broken = verdict.checks.find(({ status }) => status === 'fail');
  if (broken !== undefined) {
    const words = firstLine(broken.detail);
    return LAUNCH_CHECKS.includes(broken.name) ? words : `${broken.name}: ${words}`;
  }
  const launch = LAUNCH_CHECKS.map((name) => checkOf(verdict, name)).find((check) => check !== undefined);
  if (launch?.status !== 'pass') return firstLine(launch?.detail ?? 'nothing was checked');
  const certificates = checkOf(verdict, CERTIFICATES_CHECK);
  if (certificates?.status === 'not-applicable') return `the report could not be verified: ${certificates.detail}`;
  const report = checkOf(verdict, 'report-present')?.detail ?? 'nothing was reported';
  return `the launch was ${launch.detail}; ${report}`;
}

/** The lines of a failed check, indented; without its first line where that is the headline already. */
function failure({ name, expected, observed, detail }: Check, headlined: boolean): string[] {
  const lines = detail.split('\n').slice(headlined ? 1 : 0);
  if (expected !== null) lines.push(`expected ${expected}`);
  if (expected !== null || observed !== null) lines.push(`observed ${observed ?? 'nothing'}`);
  return [`  ${name}:`, ...lines.map((line) => `    ${line}`)];
}

/**
 * A verdict in a few lines, for a test failure: what happened, predicted and observed digest, then the failed checks.
 * @returns lines joined by newlines, none at the end
 */
export function summarise(verdict: Verdict): string {
  const lines = [headline(verdict)];
  const measurement = checkOf(verdict, 'report-measurement');
  if (measurement !== undefined) {
    const refused = checkOf(verdict, 'launch-accepted')?.status === 'fail';
    const unseen = refused ? 'not reported by the firmware' : 'not reported by the guest';
    lines.push(`predicted ${measurement.expected}`, `observed ${measurement.observed ?? unseen}`);
  }
  const broken = verdict.checks.filter(({ status }) => status === 'fail');
  if (broken.length > 0) {
    lines.push('failed checks:', ...broken.flatMap((check, index) => failure(check, index === 0)));
  }
  return lines.join('\n');
}
