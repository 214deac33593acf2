import type { Check } from '../finding.ts';
import type { Layer, ReportCheckRow } from './check-row.ts';
import { ESSENTIAL_CHECKS, REPORT_CHECKS, type ReportCheckName } from './checks.ts';
import { subjectOf, type VerifyInput } from './subject.ts';

/** One claim about a report. */
export interface ReportCheck extends Check {
  name: ReportCheckName;
  layer: Layer;
  /** What was not given and is needed to decide; null where nothing is missing. */
  lacks: string | null;
}

/** What is known of a question: unproven where something that is needed to answer it was not given. */
export type Answer = 'yes' | 'no' | 'unproven';

/** All checks of a report, and what follows. */
export interface ReportVerdict {
  /** pass: genuine and wanted. fail: one of the two is answered by no. Else unproven. */
  result: 'pass' | 'fail' | 'unproven';
  genuine: Answer;
  wanted: Answer;
  /** Was nothing asked for, so that `wanted` says no more than that the report does not contradict itself? */
  nothingAsked: boolean;
  /** Every check of the table in its order: none is left out. */
  checks: ReportCheck[];
  /** What was not given, each once. */
  lacks: string[];
}

function answer(checks: readonly ReportCheck[]): Answer {
  if (checks.some(({ status }) => status === 'fail')) return 'no';
  const essential = checks.filter(({ name }) => ESSENTIAL_CHECKS.includes(name));
  const proven = essential.every(({ status }) => status === 'pass') && checks.every(({ lacks }) => lacks === null);
  return proven ? 'yes' : 'unproven';
}

/**
 * Verifies a report: whether it is genuine, and whether it is what was wanted.
 * @param input the report as received, candidates for its certificates, the roots that are trusted, and the time: nothing
 * is fetched and no clock is read
 * @returns every check, each passed, failed or not applicable for the reason it gives
 * @throws HarnessError LAYOUT_LENGTH for what is not 1184 bytes; CERTIFICATE_INVALID for a certificate or list that its
 * issuer signed and that cannot be decoded
 */
export function verifyReport(input: VerifyInput): ReportVerdict {
  const subject = subjectOf(input);
  const checks = REPORT_CHECKS.map(({ name, layer, run }: ReportCheckRow & { name: ReportCheckName }): ReportCheck => {
    const { lacks, ...finding } = run(subject);
    return { name, layer, ...finding, lacks: lacks ?? null };
  });
  const genuine = answer(checks.filter(({ layer }) => layer === 'genuine'));
  const wanted = answer(checks.filter(({ layer }) => layer === 'wanted'));
  const answers = [genuine, wanted];
  const result = answers.includes('no') ? 'fail' : answers.includes('unproven') ? 'unproven' : 'pass';
  const lacks = [...new Set(checks.flatMap((check) => check.lacks ?? []))];
  const nothingAsked = Object.values(subject.want).every((value) => value === undefined);
  return { result, genuine, wanted, nothingAsked, checks, lacks };
}
