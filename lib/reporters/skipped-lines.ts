import { plainText } from './plain-text.ts';
import type { ResultRow } from './row.ts';

/** Reasons that are told; of more the count is. */
const REASONS_TOLD = 6;

/** Why cells were skipped, each reason once with the number of cells that have it, the one of most cells first. */
export function skippedLines(rows: readonly Pick<ResultRow, 'result' | 'message'>[]): string[] {
  const reasons = new Map<string, number>();
  for (const { result, message } of rows) {
    if (result !== 'skip') continue;
    const [reason = ''] = plainText(message, 400).split('\n');
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const sorted = [...reasons].sort(([, left], [, right]) => right - left);
  const rest = sorted.slice(REASONS_TOLD).reduce((sum, [, count]) => sum + count, 0);
  return [
    ...sorted.slice(0, REASONS_TOLD).map(([reason, count]) => `${count} skipped: ${reason}`),
    ...(rest === 0 ? [] : [`${rest} skipped for other reasons`]),
    ...(rows.length > 0 && rows.every(({ result }) => result === 'skip')
      ? ['nothing was judged: every cell is skipped']
      : []),
  ];
}
