import { changesOf, changeText, compareRuns } from '../../compare/compare.ts';
import type { RowFacts } from '../../compare/facts.ts';
import type { ResultKind } from '../../evidence/results.ts';
import type { PageContext, PageRowName } from './builder.ts';
import { NO_RESULT, RESULT_LETTERS } from './model.ts';

/** Changes of provenance that are told at the top of the page; more are in the stories. */
const PROVENANCE_TOLD = 12;

/** The run before this one. */
export interface EarlierRun {
  title: string;
  rows: readonly RowFacts[];
}

/** A still earlier run, of which only the results are looked at. */
export interface PastRun {
  title: string;
  results: ReadonlyMap<string, ResultKind>;
}

/** What names a row from run to run. */
export function rowName({ suite, host, id }: PageRowName): string {
  return JSON.stringify([suite, host, id]);
}

/** What changed of one cell, in words; null where nothing did. */
function changesOfCell(before: RowFacts, after: RowFacts): string[] | null {
  const changes = [...changesOf(before.provenance, after.provenance), ...changesOf(before.inputs, after.inputs)];
  const digests = (['predicted', 'observed'] as const).flatMap((which) =>
    before[which] !== null && after[which] !== null && before[which] !== after[which]
      ? [`${which} digest: it was ${before[which]}`]
      : [],
  );
  const lines = [...new Set(changes.map(changeText)), ...digests];
  return lines.length === 0 ? null : lines;
}

/**
 * What other runs say of the rows of the page.
 * @param now what is compared of this run, by the name of the row
 */
export function pageContext(
  now: ReadonlyMap<string, RowFacts>,
  earlier: EarlierRun | undefined,
  past: readonly PastRun[],
): (rows: readonly PageRowName[]) => PageContext {
  const before = new Map(earlier?.rows.map((row) => [rowName(row), row]));
  const letter = (kind: ResultKind | undefined): string => (kind === undefined ? NO_RESULT : RESULT_LETTERS[kind]);
  return (rows) => ({
    earlier:
      earlier === undefined
        ? null
        : {
            title: earlier.title,
            results: rows.map((row) => letter(before.get(rowName(row))?.result)).join(''),
            changes: rows.map((row) => {
              const [was, is] = [before.get(rowName(row)), now.get(rowName(row))];
              return was === undefined || is === undefined ? null : changesOfCell(was, is);
            }),
            provenance: compareRuns(earlier.rows, [...now.values()])
              .provenance.slice(0, PROVENANCE_TOLD)
              .map((change) => `${changeText(change)} (${change.cells} cells)`),
          },
    history: {
      titles: past.map(({ title }) => title),
      results: rows.map((row) => past.map(({ results }) => letter(results.get(rowName(row)))).join('')),
    },
  });
}
