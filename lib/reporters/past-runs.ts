import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { HarnessError } from '../errors.ts';
import { rowKey } from '../evidence/results.ts';
import { readResults } from '../evidence/run-directory.ts';
import { EARLIER_FOLDER, isRunFolder, loadRun, rowFacts } from '../runner/load-run.ts';
import type { EarlierRun, PastRun } from './page/context.ts';

/** So many earlier runs are shown beside each cell. */
const PAST_RUNS = 20;

/** What the page is told of other runs, and what could not be read of them. */
export interface OtherRuns {
  earlier: EarlierRun | undefined;
  past: PastRun[];
  troubles: string[];
}

/** The earlier runs that a reports folder keeps, oldest first. */
function keptRuns(reportsDirectory: string): string[] {
  const folder = join(reportsDirectory, EARLIER_FOLDER);
  if (!existsSync(folder)) return [];
  // Their names are their times, so that they sort by them.
  return (
    readdirSync(folder)
      .sort()
      .map((name) => join(folder, name))
      // One that ended before its first cell has nothing to show.
      .filter(isRunFolder)
  );
}

function pastRun(folder: string, title: string): PastRun {
  const results = new Map([...readResults(folder, [])].map(([, result]) => [rowKey(result), result.result] as const));
  return { title, results };
}

/**
 * Reads what a page shows beside a run: the run to compare with, and the results of those before.
 * @param comparedWith a run or a recording; null: the latest that the reports folder keeps
 */
export function otherRuns(reportsDirectory: string, comparedWith: string | null): OtherRuns {
  const kept = keptRuns(reportsDirectory);
  const path = comparedWith ?? kept.at(-1);
  const past = kept.slice(-PAST_RUNS).map((folder) => pastRun(folder, folder.slice(folder.lastIndexOf('/') + 1)));
  if (path === undefined) return { earlier: undefined, past, troubles: [] };
  try {
    const run = loadRun(path, { keepGoing: true });
    const troubles = run.damages.map(({ where, what }) => `the earlier run: ${where}: ${what}`);
    const title = comparedWith === null ? run.startedAt.slice(0, 16).replace('T', ' ') : run.title;
    return { earlier: { title, rows: rowFacts(run) }, past, troubles };
  } catch (thrown) {
    if (!(thrown instanceof HarnessError)) throw thrown;
    return { earlier: undefined, past, troubles: [`the earlier run cannot be read: ${thrown.message}`] };
  }
}
