import type { CellExplanation } from '../evidence/schema.ts';
import { cellExplanationText, explanationKey } from '../explain/cell-text.ts';
import { plainText } from './plain-text.ts';
import type { ResultRow } from './row.ts';

/** As much of a row as tells why it failed. */
export type ExplainedRow = Pick<ResultRow, 'host' | 'name'> & { explanation: CellExplanation | undefined };

/** Cells that are named one by one; of more the count is told. */
const NAMED_CELLS = 12;

/** Why cells failed, each cause once with the cells that have it, the one of most cells first; empty where nothing was explained. */
export function explainedLines(rows: readonly ExplainedRow[]): string[] {
  const causes = new Map<string, { text: string; cells: string[] }>();
  for (const { explanation, host, name } of rows) {
    const key = explanation && explanationKey(explanation);
    if (!key) continue;
    const known = causes.get(key) ?? { text: causeText(explanation), cells: [] };
    known.cells.push(`${host} ${name}`);
    causes.set(key, known);
  }
  const sorted = [...causes.values()].sort((left, right) => right.cells.length - left.cells.length);
  return sorted.flatMap(({ text, cells }) => {
    const count = `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}`;
    const more = cells.length > NAMED_CELLS ? [`    and ${cells.length - NAMED_CELLS} more`] : [];
    const named = cells.slice(0, NAMED_CELLS).map((cell) => `    ${cell}`);
    return [`${count}: ${text}`, ...named, ...more];
  });
}

/** The explanation without the digest, which is of one cell. */
function causeText(explanation: CellExplanation): string {
  return plainText(cellExplanationText({ ...explanation, target: null }), 4000)
    .split('\n')
    .join('\n  ');
}
