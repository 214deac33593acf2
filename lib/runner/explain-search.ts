import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { BlockSearch } from '../explain/block-search.ts';
import type { KnownLaunch } from '../explain/launch-state.ts';
import {
  runHere,
  type SearchProgress,
  type SearchResult,
  searchHypotheses,
  type UnitRunner,
} from '../explain/search.ts';
import { SearchPool, workersAvailable } from './search-pool.ts';

/** More threads than this wait for one another. */
const THREADS_MAX = 64;

export interface ExplainSettings {
  readonly limitMs: number;
  /** `all`: on all cores, once usual single changes are done; `one`: in this thread, for those who are many themselves. */
  readonly cores: 'all' | 'one';
  readonly onProgress?: (progress: SearchProgress) => void;
}

/** A search with the result of it. */
export interface FinishedSearch {
  readonly search: BlockSearch;
  readonly result: SearchResult;
}

/**
 * Searches for what gives a digest, in no more than its time.
 * @param target 48 bytes   @throws HarnessError APPEND_INVALID, INTERNAL
 */
export async function searchFor(
  known: KnownLaunch,
  target: Uint8Array,
  settings: ExplainSettings,
): Promise<FinishedSearch> {
  const deadline = performance.now() + settings.limitMs;
  const others = settings.cores === 'all' && workersAvailable() ? Math.min(THREADS_MAX, availableParallelism()) - 1 : 0;
  // They load their program while this thread plans, and looks at single changes, which most often is enough.
  const pool = others > 0 ? new SearchPool(others) : undefined;
  try {
    const search = new BlockSearch(known).aim(target);
    const here = runHere(search, () => setImmediate());
    const together = pool?.runnerOf(search, { known, target }) ?? here;
    let asked = 0;
    const run: UnitRunner = (units, stopped) => {
      asked += 1;
      return asked === 1 ? here(units, stopped) : together(units, stopped);
    };
    const { onProgress } = settings;
    const now = (): number => performance.now();
    const result = await searchHypotheses(search, { now, deadline, run, ...(onProgress && { onProgress }) });
    return { search, result };
  } finally {
    await pool?.close();
  }
}
