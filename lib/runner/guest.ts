import type { AttestationReport } from '../abi/report.ts';
import { HarnessError } from '../errors.ts';
import { cellExplanationText } from '../explain/cell-text.ts';
import { subjectOf } from '../judge/subject.ts';
import { summarise } from '../judge/summary.ts';
import type { Prediction } from '../measure/inputs.ts';
import type { CellOutcome } from './outcome.ts';

/** A guest that ran and reported. */
export interface Guest {
  /** Its attestation report, every field by its name in AMD 56860. */
  readonly report: AttestationReport;
  /** The report as the guest sent it, 1184 bytes. */
  readonly reportBytes: Uint8Array;
  /** The 64 random bytes that it was asked to report. */
  readonly nonce: Uint8Array;
  /** What it wrote to its serial console; it is not trusted. */
  readonly console: string;
  /** What was predicted of its launch: the digest and every measured page. */
  readonly prediction: Prediction;
  /** All that the launch left behind, and the verdict on it. */
  readonly outcome: CellOutcome;
}

/** The outcome in words: the verdict, and why the digest is another where that is known. */
export function outcomeText({ verdict, explanation }: CellOutcome): string {
  const why = explanation === undefined ? '' : `\n${cellExplanationText(explanation)}`;
  return `${summarise(verdict)}${why}`;
}

/** Throws what the lab, or the launch, is to blame for where there is nothing to look at. @throws HarnessError GUEST_SILENT, LAUNCH_BROKEN, KDS_* */
export function checkLab({ verdict, evidence }: CellOutcome): void {
  if (verdict.result !== 'infrastructure') return;
  const broken = evidence.outcome.state === 'silent' ? 'GUEST_SILENT' : 'LAUNCH_BROKEN';
  const code = evidence.attestation?.trouble?.code ?? broken;
  throw new HarnessError({ code, what: summarise(verdict), where: `host ${evidence.host.name}` });
}

/** The guest of a launch. @throws HarnessError CHECK_FAILED where it was refused or has no report; as `checkLab` */
export function guestOf(outcome: CellOutcome): Guest {
  const { prediction, evidence } = outcome;
  checkLab(outcome);
  const { report } = subjectOf(prediction, evidence);
  if (report.state !== 'read') {
    const { state } = evidence.outcome;
    const hint =
      state === 'refused'
        ? 'where it must be refused, use `launch` and `expect(outcome).toBeRefusedWith(...)`'
        : 'does its initrd hold the agent? See `snp-conform guest-initrd --help`';
    const what = `${report.why}\n${outcomeText(outcome)}`;
    throw new HarnessError({ code: 'CHECK_FAILED', what, where: `host ${evidence.host.name}`, hint });
  }
  return {
    report: report.value,
    reportBytes: report.bytes,
    nonce: new Uint8Array(Buffer.from(evidence.sent.nonce, 'hex')),
    console: evidence.outcome.console,
    prediction,
    outcome,
  };
}
