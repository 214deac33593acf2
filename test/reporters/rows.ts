import type { ResultKind } from '../../lib/evidence/results.ts';
import type { CellFile, Evidence } from '../../lib/evidence/schema.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { evidence } from '../judge/made-evidence.ts';

/** A cell file of made evidence. */
export function cellFile(outcome: Partial<Evidence['outcome']> = {}): CellFile {
  return {
    format: 'snp-conform/cell@1',
    evidence: evidence({ outcome }),
    predicted: 'd1'.repeat(48),
    verdict: {
      result: 'fail',
      checks: [
        {
          name: 'report-measurement',
          status: 'fail',
          expected: 'd1'.repeat(48),
          observed: 'ee'.repeat(48),
          detail: 'they differ',
        },
      ],
    },
  };
}

/** A row of one kind, altered. */
export function row(result: ResultKind, change: Partial<ResultRow> = {}): ResultRow {
  const name = `amdsev/stable/${result}`;
  const message = result === 'pass' ? '' : `${result} for a reason`;
  return {
    suite: 'launch',
    host: 'milan-1',
    name,
    result,
    durationMs: 1500,
    message,
    cell: undefined,
    planned: undefined,
    ...change,
  };
}
