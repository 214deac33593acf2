import type { ReportFinding, Subject } from './subject.ts';

/** Whether a report is genuine, and whether it is the one that was wanted, are two questions; no check is of both. */
export type Layer = 'genuine' | 'wanted';

/** One row of the table of checks. */
export interface ReportCheckRow {
  readonly name: string;
  readonly layer: Layer;
  /** What must hold. */
  readonly claim: string;
  /** Where it is written that this must hold. */
  readonly source: string;
  readonly run: (subject: Subject) => ReportFinding;
}
