import { fieldOf } from '../../lib/abi/layout.ts';
import { ATTESTATION_REPORT } from '../../lib/abi/report.ts';
import { factsOf, type RowFacts } from '../../lib/compare/facts.ts';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import type { Evidence } from '../../lib/evidence/schema.ts';
import { predictEvidence } from '../../lib/runner/predict-cell.ts';
import { SHIPPED_RECORDING } from '../runner/plans.ts';

type Row = RecordedRow & { result: NonNullable<RecordedRow['result']> };

/** The rows of the recording that ships, each with what is predicted of it now. */
export function nightOf(change: (evidence: Evidence) => Evidence = (evidence) => evidence): Row[] {
  return [...openRecording(SHIPPED_RECORDING).rows()].map((row) => {
    const evidence = row.evidence && change(row.evidence);
    const predicted = evidence === null ? null : Buffer.from(predictEvidence(evidence).launchDigest).toString('hex');
    return {
      ...row,
      result: 'pass',
      evidence: evidence && predicted !== null ? reporting(evidence, predicted) : null,
      judged: predicted === null ? null : { predicted, verdict: { result: 'pass' as const, checks: [] } },
    };
  });
}

/** Evidence whose guest reports a digest. */
export function reporting(evidence: Evidence, digest: string): Evidence {
  const { outcome } = evidence;
  if (outcome.report === null) return evidence;
  const report = Buffer.from(outcome.report, 'base64');
  report.set(Buffer.from(digest, 'hex'), fieldOf(ATTESTATION_REPORT, 'measurement').at);
  return { ...evidence, outcome: { ...outcome, report: report.toString('base64') } };
}

/** A row that fails: the launch is refused. */
export function refused(row: Row): Row {
  const { evidence } = row;
  return {
    ...row,
    result: 'fail',
    message: "CHECK_FAILED: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'\nmore",
    evidence: evidence && { ...evidence, outcome: { ...evidence.outcome, state: 'refused', report: null } },
  };
}

/** A row of a host that was out. */
export function lost(row: Row): Row {
  return {
    ...row,
    result: 'infrastructure',
    message: `SSH_LOST: the connection was lost (host ${row.host})`,
    evidence: null,
    judged: null,
  };
}

export const facts = (rows: readonly Row[]): RowFacts[] => rows.map(factsOf);
