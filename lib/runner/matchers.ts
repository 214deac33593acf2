import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import type { AttestationReport } from '../abi/report.ts';
import { verifyReport } from '../attestation/verify.ts';
import type { Wanted } from '../attestation/want.ts';
import { HarnessError } from '../errors.ts';
import type { Refusal } from '../evidence/schema.ts';
import { certificatesOf, isAttested, verifyInput } from '../judge/attestation-inputs.ts';
import { subjectOf } from '../judge/subject.ts';
import type { Prediction } from '../measure/inputs.ts';
import { ERRNO } from '../refusals/kvm-refusals.ts';
import { hexOf, quoted } from '../text.ts';
import { checkLab, type Guest, outcomeText } from './guest.ts';
import type { CellOutcome } from './outcome.ts';

/** Who refused, in one word: a status of the firmware, or an errno of KVM, which then did not ask the firmware. */
export type RefusedWith = keyof typeof FIRMWARE_STATUS | keyof typeof ERRNO;

/** What has a launch digest: 48 bytes, their hex digits, or a prediction. */
export type Measured = Prediction | Uint8Array | string;

interface Match {
  pass: boolean;
  message: () => string;
}

const failed = (what: string): string => new HarnessError({ code: 'CHECK_FAILED', what }).message;

function outcomeOf(received: Guest | CellOutcome): CellOutcome {
  return 'outcome' in received ? received.outcome : received;
}

function digestOf(expected: Measured): string {
  if (typeof expected === 'string') return expected.toLowerCase();
  return hexOf(expected instanceof Uint8Array ? expected : expected.launchDigest);
}

/** What a launch is known to have measured; undefined where nobody could see it. */
function observedDigest(received: Guest | CellOutcome | AttestationReport): string | undefined {
  if ('measurement' in received) return hexOf(received.measurement);
  const { prediction, evidence, explanation } = outcomeOf(received);
  const { report } = subjectOf(prediction, evidence);
  return report.state === 'read' ? hexOf(report.value.measurement) : (explanation?.target ?? undefined);
}

/** Was this launch digest measured? Of a launch that was refused it is known where an explanation found it out. */
export function toMeasure(received: Guest | CellOutcome | AttestationReport, expected: Measured): Match {
  const [wanted, observed] = [digestOf(expected), observedDigest(received)];
  if (!/^[0-9a-f]{96}$/.test(wanted)) {
    const what = `toMeasure: expected 96 hex digits, got ${quoted(wanted)}`;
    throw new HarnessError({ code: 'DIGEST_INVALID', what, hint: 'give a prediction, 48 bytes, or their hex digits' });
  }
  const why = 'measurement' in received ? '' : `\n${outcomeText(outcomeOf(received))}`;
  const told = `expected ${wanted}\nobserved ${observed ?? 'nothing: no guest reported'}`;
  return {
    pass: wanted === observed,
    message: () =>
      wanted === observed
        ? failed(`the launch digest is the one that it must not be\nobserved ${observed}`)
        : failed(`the launch digest is another\n${told}${why}`),
  };
}

/** A refusal in one word, as it is asked for. */
export function refusedWith({ fwError, ret }: Pick<Refusal, 'fwError' | 'ret'>): string {
  const table: Readonly<Record<string, number>> = fwError === 0 ? ERRNO : FIRMWARE_STATUS;
  const number = fwError === 0 ? -ret : fwError;
  return Object.keys(table).find((name) => table[name] === number) ?? `0x${number.toString(16)}`;
}

/** Was the launch refused with this status of the firmware, or this errno of KVM, and did no guest run? */
export function toBeRefusedWith(outcome: CellOutcome, expected: RefusedWith): Match {
  if (!(expected in FIRMWARE_STATUS) && !(expected in ERRNO)) {
    const what = `toBeRefusedWith: ${quoted(String(expected))} is neither a status of the firmware nor an errno`;
    throw new HarnessError({ code: 'USAGE', what, hint: 'such as BAD_MEASUREMENT, POLICY_FAILURE or EINVAL' });
  }
  const { refusal, state, stderr } = outcome.evidence.outcome;
  if (refusal === null && state !== 'ran') checkLab(outcome);
  const observed = refusal === null ? 'no refusal' : refusedWith(refusal);
  const line = refusal?.line ?? (state === 'ran' ? 'the guest ran' : stderr);
  const pass = refusal !== null && observed === expected && state === 'refused';
  return {
    pass,
    message: () =>
      failed(
        pass
          ? `the launch was refused with ${expected}, as it must not be\nobserved ${quoted(line)}`
          : `the launch was to be refused\nexpected ${expected}\nobserved ${observed}: ${quoted(line)}`,
      ),
  };
}

/**
 * Is the report genuine, up to AMD's root (of an emulated host: to the root that it was made with), and what was wanted: what
 * was predicted and sent, and what the options ask beside that?
 */
export function toVerify(received: Guest | CellOutcome, options: Wanted = {}): Match {
  const { prediction, evidence } = outcomeOf(received);
  const subject = subjectOf(prediction, evidence);
  if (!isAttested(subject)) {
    const what = 'toVerify: no certificates were gathered for the report of this launch';
    throw new HarnessError({
      code: 'REPORT_UNPROVEN',
      what,
      hint: "launch it with { name: '...', report: 'verified' }",
    });
  }
  if (subject.report.state !== 'read') return { pass: false, message: () => failed(noReport(subject.report)) };
  const given = certificatesOf(subject);
  if ('why' in given) return { pass: false, message: () => failed(`the certificates cannot be read: ${given.why}`) };
  const input = verifyInput(subject, given.bundle, subject.report.bytes, evidence.sent.nonce);
  const verdict = verifyReport({ ...input, want: { ...input.want, ...options } });
  const broken = verdict.checks.filter(({ status }) => status === 'fail');
  const rows = broken.flatMap(({ name, detail, expected, observed }) => [
    `  ${name}: ${detail}`,
    ...(expected === null ? [] : [`    expected ${expected}`, `    observed ${observed ?? 'nothing'}`]),
  ]);
  const lacks = verdict.result === 'unproven' ? [`  not given: ${verdict.lacks.join(', ')}`] : [];
  const pass = verdict.result === 'pass';
  const told = ['the report does not verify', ...rows, ...lacks].join('\n');
  return { pass, message: () => failed(pass ? 'the report verifies, as it must not' : told) };
}

function noReport(report: ReturnType<typeof subjectOf>['report']): string {
  return report.state === 'read' ? '' : report.why;
}

/** Does every check of the cell's verdict hold? Trouble of the lab is thrown as such, not as a failed expectation. */
export function toConform(outcome: CellOutcome): Match {
  checkLab(outcome);
  const pass = outcome.verdict.result === 'pass';
  return { pass, message: () => failed(outcomeText(outcome)) };
}
