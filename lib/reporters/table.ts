import { RESULT_KINDS } from '../evidence/results.ts';
import { type ResultRow, totalsOf } from './row.ts';

/** As much of a row as the table counts. */
type TableRow = Pick<ResultRow, 'suite' | 'host' | 'name' | 'result' | 'durationMs'>;

/** Lays rows out in columns; every column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** One line a host, suite and firmware/kernel: how many cells of each kind. The suite is left out where it is one. */
export function summaryTable(rows: readonly TableRow[]): string[] {
  const severalSuites = new Set(rows.map(({ suite }) => suite)).size > 1;
  const groups = new Map<string, TableRow[]>();
  for (const row of rows) {
    const [firmware = '', kernel = ''] = row.name.split('/');
    const key = JSON.stringify([row.host, ...(severalSuites ? [row.suite] : []), firmware, kernel]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const kinds = RESULT_KINDS.filter((kind) => kind === 'pass' || rows.some((row) => row.result === kind));
  const body = [...groups].sort().map(([key, group]) => {
    const totals = totalsOf(group);
    const seconds = group.reduce((sum, row) => sum + row.durationMs, 0) / 1000;
    return [...(JSON.parse(key) as string[]), ...kinds.map((kind) => String(totals[kind])), seconds.toFixed(1)];
  });
  return columns([['host', ...(severalSuites ? ['suite'] : []), 'firmware', 'kernel', ...kinds, 'seconds'], ...body]);
}
