import { changeText } from '../compare/compare.ts';
import type { CellHistory, History } from '../compare/history.ts';
import { plainText } from './plain-text.ts';
import { columns } from './table.ts';

/** So many cells of a group are named; the others are counted. */
const NAMED = 20;
const LETTERS = { pass: '.', fail: 'F', infrastructure: '!', configuration: '?', skip: '-' } as const;

const line = (text: string): string => plainText(text, 400).replaceAll('\n', ' ');
const nameOf = ({ suite, host, id }: CellHistory): string => line(`${suite} ${host} ${id}`);

/** One character a run, oldest first. */
function strip({ results }: CellHistory): string {
  return results.map((result) => (result === undefined ? ' ' : LETTERS[result])).join('');
}

function cellLines(cells: readonly CellHistory[]): string[] {
  const told = cells.slice(0, NAMED).map((cell) => `  [${strip(cell)}]  ${nameOf(cell)}`);
  return cells.length > NAMED ? [...told, `  and ${cells.length - NAMED} more`] : told;
}

/** A history for a terminal. */
export function historyText({ runs, flaky, firstBad }: History): string {
  const title = (place: number | null): string =>
    place === null ? 'before these runs' : line(runs[place]?.title ?? '');
  const table = columns([
    ['run', 'began', 'pass', 'fail', 'infrastructure', 'configuration', 'skip'],
    ...runs.map(({ title: name, startedAt, totals }) => [
      line(name),
      startedAt.slice(0, 16).replace('T', ' '),
      ...(['pass', 'fail', 'infrastructure', 'configuration', 'skip'] as const).map((kind) => String(totals[kind])),
    ]),
  ]);
  const bad = firstBad.flatMap(({ lastGood, firstBad: first, changes, cells }) => [
    '',
    `${cells.length} failing since ${title(first)}; last good: ${lastGood === null ? 'not in these runs' : title(lastGood)}`,
    ...(lastGood === null
      ? []
      : changes.length === 0
        ? ['  nothing that is known changed between the two']
        : changes.map((change) => `  changed between the two: ${line(changeText(change))}`)),
    ...cellLines(cells),
  ]);
  const unsteady =
    flaky.length === 0
      ? []
      : ['', `flaky (${flaky.length}): passed and failed though nothing that is known changed`, ...cellLines(flaky)];
  const legend = ['', '. passed  F failed  ! lab trouble  ? wrong input  - skipped; one a run, oldest first'];
  const last = runs.at(-1)?.totals;
  const untold = (['infrastructure', 'configuration'] as const).flatMap((kind) =>
    last !== undefined && last[kind] > 0 ? [`${last[kind]} ${kind}`] : [],
  );
  // Lab trouble says nothing of the thing under test, neither that it holds.
  const judged = untold.length === 0 ? '' : `, of what was judged (${untold.join(', ')})`;
  const none =
    bad.length === 0 && unsteady.length === 0
      ? ['', `nothing fails in the last run${judged}, and nothing is flaky`]
      : [];
  return `${[...table, ...bad, ...unsteady, ...none, ...(none.length > 0 ? [] : legend)].join('\n')}\n`;
}
