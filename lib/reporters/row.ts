import type { WrittenCell } from '../evidence/cell-codec.ts';
import { RESULT_KINDS, type ResultKind } from '../evidence/results.ts';
import type { CellFile } from '../evidence/schema.ts';

/** One finished test of a suite: a cell on a host. */
export interface ResultRow {
  suite: string;
  host: string;
  /** The cell's id. */
  name: string;
  result: ResultKind;
  durationMs: number;
  /** Why it is not a pass; empty for a pass. */
  message: string;
  /** What the cell left in the run directory; undefined where it left nothing. */
  cell: CellFile | undefined;
  /** What was to be launched, also where nothing was; undefined for a test that is not of one cell. */
  planned: WrittenCell | undefined;
}

export type Totals = Record<ResultKind, number>;

/** How many rows are of each kind. */
export function totalsOf(rows: readonly Pick<ResultRow, 'result'>[]): Totals {
  const totals: Totals = { pass: 0, fail: 0, infrastructure: 0, configuration: 0, skip: 0 };
  for (const row of rows) totals[row.result]++;
  return totals;
}

/** `40 passed, 2 failed, 1 infrastructure`: the kinds that occur, passes and failures always. */
export function totalsText(totals: Totals): string {
  const words: Record<ResultKind, string> = {
    pass: 'passed',
    fail: 'failed',
    infrastructure: 'infrastructure',
    configuration: 'configuration',
    skip: 'skipped',
  };
  return RESULT_KINDS.filter((kind) => kind === 'pass' || kind === 'fail' || totals[kind] > 0)
    .map((kind) => `${totals[kind]} ${words[kind]}`)
    .join(', ');
}

/** How evidence of a kind is called wherever it is shown; a recording is always said to be one. */
export function evidenceLabel(kind: 'hardware' | 'emulated', recorded: boolean): string {
  return recorded ? `recorded ${kind}` : kind;
}

/** The defects that were planted in an emulated host, in words; undefined where there are none. */
export function plantedFaults({ evidence }: CellFile): string | undefined {
  return evidence.host.faults?.join('; ');
}
