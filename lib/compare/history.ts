import { changesOf, type FactChange } from './compare.ts';
import type { RowFacts } from './facts.ts';

/** One run of a history. */
export interface HistoryRun {
  title: string;
  /** ISO 8601; runs are told in this order. */
  startedAt: string;
  rows: readonly RowFacts[];
}

/** A cell over all runs. */
export interface CellHistory {
  suite: string;
  host: string;
  id: string;
  /** By run, oldest first; undefined where it was not there. */
  results: (RowFacts['result'] | undefined)[];
}

/** A cell that passed and failed though nothing that is known changed. */
export interface FlakyCell extends CellHistory {
  /** How often it changed its mind. */
  flips: number;
}

/** Cells that fail now, since the same run, after the same changes. */
export interface FirstBad {
  /** Places in the runs; null: it never passed in these runs. */
  lastGood: number | null;
  firstBad: number;
  /** What changed between the two that all of these cells share. */
  changes: FactChange[];
  cells: CellHistory[];
}

/** What many runs say together. */
export interface History {
  runs: { title: string; startedAt: string; totals: Record<RowFacts['result'], number> }[];
  cells: CellHistory[];
  flaky: FlakyCell[];
  firstBad: FirstBad[];
}

const keyOf = ({ suite, host, id }: RowFacts): string => JSON.stringify([suite, host, id]);
const isJudged = (row: RowFacts | undefined): row is RowFacts => row?.result === 'pass' || row?.result === 'fail';

/** Did nothing that is known change between two rows of a cell? */
const alike = (before: RowFacts, after: RowFacts): boolean =>
  changesOf(before.inputs, after.inputs).length === 0 && changesOf(before.provenance, after.provenance).length === 0;

function flipsOf(rows: readonly (RowFacts | undefined)[]): number {
  const judged = rows.filter(isJudged);
  return judged.slice(1).filter((row, place) => {
    const before = judged[place];
    return before !== undefined && before.result !== row.result && alike(before, row);
  }).length;
}

/** The place of the first failure of the streak that lasts until now, and of the pass before it. */
function badStreak(rows: readonly (RowFacts | undefined)[]): { lastGood: number | null; firstBad: number } | undefined {
  let firstBad: number | undefined;
  for (let place = rows.length - 1; place >= 0; place--) {
    const row = rows[place];
    if (!isJudged(row)) continue;
    if (row.result === 'pass') return firstBad === undefined ? undefined : { lastGood: place, firstBad };
    firstBad = place;
  }
  return firstBad === undefined ? undefined : { lastGood: null, firstBad };
}

/** The history of cells over runs. @param unsorted in any order */
export function historyOf(unsorted: readonly HistoryRun[]): History {
  const runs = [...unsorted].sort((left, right) => left.startedAt.localeCompare(right.startedAt));
  const byKey = new Map<string, (RowFacts | undefined)[]>();
  for (const [place, { rows }] of runs.entries()) {
    for (const row of rows) {
      const known = byKey.get(keyOf(row)) ?? runs.map(() => undefined);
      known[place] = row;
      byKey.set(keyOf(row), known);
    }
  }
  const cells: CellHistory[] = [];
  const flaky: FlakyCell[] = [];
  const groups = new Map<string, FirstBad>();
  for (const rows of byKey.values()) {
    const named = rows.find((row) => row !== undefined);
    if (named === undefined) continue;
    const cell = { suite: named.suite, host: named.host, id: named.id, results: rows.map((row) => row?.result) };
    cells.push(cell);
    const flips = flipsOf(rows);
    // One flip is a change that nothing explains; a cell that comes back is flaky.
    if (flips > 1) flaky.push({ ...cell, flips });
    const streak = badStreak(rows);
    if (streak !== undefined) addBad(groups, streak, cell, rows);
  }
  return {
    runs: runs.map(({ title, startedAt, rows }) => ({ title, startedAt, totals: totalsOf(rows) })),
    cells,
    flaky: flaky.sort((left, right) => right.flips - left.flips),
    firstBad: [...groups.values()].sort((left, right) => right.cells.length - left.cells.length),
  };
}

function addBad(
  groups: Map<string, FirstBad>,
  { lastGood, firstBad }: { lastGood: number | null; firstBad: number },
  cell: CellHistory,
  rows: readonly (RowFacts | undefined)[],
): void {
  const [good, bad] = [lastGood === null ? undefined : rows[lastGood], rows[firstBad]];
  const changes = good === undefined || bad === undefined ? [] : changesOf(good.provenance, bad.provenance);
  const key = JSON.stringify([lastGood, firstBad, changes]);
  const known = groups.get(key);
  if (known === undefined) groups.set(key, { lastGood, firstBad, changes, cells: [cell] });
  else known.cells.push(cell);
}

function totalsOf(rows: readonly RowFacts[]): Record<RowFacts['result'], number> {
  const totals = { pass: 0, fail: 0, infrastructure: 0, configuration: 0, skip: 0 };
  for (const { result } of rows) totals[result]++;
  return totals;
}
