import type { BlockSearch, Hit, UnitResult } from './block-search.ts';
import { stateOfHit } from './block-search.ts';
import { type Block, stageOf } from './blocks.ts';

/** What a search has done so far. */
export interface SearchProgress {
  readonly tried: number;
  /** All hypotheses that there are. */
  readonly total: number;
  /** Changes at once that are being searched. */
  readonly changes: number;
  readonly seconds: number;
}

/** The result of one unit, by its number in the search. */
export type UnitDone = UnitResult & { readonly unit: number };

/** Searches units in some order, here or on many cores; it may stop early, and then gives back fewer. */
export type UnitRunner = (units: readonly number[], stopped: () => boolean) => AsyncIterable<UnitDone>;

export interface SearchSettings {
  /** Milliseconds, of any clock that only goes forward. */
  readonly now: () => number;
  /** On that clock: when the search ends, done or not. */
  readonly deadline: number;
  readonly run: UnitRunner;
  readonly onProgress?: (progress: SearchProgress) => void;
}

/** How much of the hypotheses about the same subjects was searched. */
export interface Searched {
  readonly changes: number;
  /** `features + vcpus`. */
  readonly subjects: string;
  readonly wide: boolean;
  readonly size: number;
  tried: number;
}

/** What a search found, and what it looked at. */
export interface SearchResult {
  /** All of as few changes as there are, the most likely first; empty: none. */
  readonly hits: readonly Hit[];
  readonly tried: number;
  /** Was nothing left out that might have fewer changes, or as few, as what was found? */
  readonly exhausted: boolean;
  readonly searched: readonly Searched[];
}

function subjectsOf({ profile, trunk, vmsa, countFree }: Block): string {
  const names = [...(profile === null ? [] : ['profile']), ...[...vmsa, ...trunk].map(({ subject }) => subject)];
  return [...names, ...(countFree ? ['vcpus'] : [])].join(' + ');
}

/** Units by the stage of their blocks, each in the order in which it is searched. */
function unitsByStage({ blocks, units }: BlockSearch): number[][] {
  const stages: number[][] = [];
  for (const [unit, { block }] of units.entries()) {
    const found = blocks[block];
    if (found === undefined) continue;
    const stage = stageOf(found);
    stages[stage] = stages[stage] ?? [];
    stages[stage].push(unit);
  }
  return stages.filter((stage) => stage !== undefined);
}

/** All hypotheses of as many changes that are the same launch as one that was found. */
function twins(search: BlockSearch, hit: Hit, late: () => boolean): { hits: Hit[]; all: boolean } {
  const found = stateOfHit(search.base, hit);
  const changes = hit.options.length + (hit.vcpus === null ? 0 : 1);
  const hits: Hit[] = [];
  for (const [index, block] of search.blocks.entries()) {
    if (block.changes !== changes || block.wide) continue;
    if (late()) return { hits, all: false };
    hits.push(...search.sameLaunch(index, found));
  }
  return { hits, all: true };
}

/**
 * Looks for the fewest changes that give the digest: one, then two, then three at once. A digest of 48 bytes is met by no
 * accident, so whatever else gives it has the same halves: with one found, the rest of its stage is compared by halves.
 */
export async function searchHypotheses(search: BlockSearch, settings: SearchSettings): Promise<SearchResult> {
  const { now, deadline, run, onProgress } = settings;
  const start = now();
  const total = search.blocks.reduce((sum, { size }) => sum + size, 0);
  const searched: Searched[] = search.blocks.map((block) => ({
    changes: block.changes,
    subjects: subjectsOf(block),
    wide: block.wide,
    size: block.size,
    tried: 0,
  }));
  let tried = 0;
  let found: Hit | undefined;
  for (const units of unitsByStage(search)) {
    const stopped = (): boolean => found !== undefined || now() >= deadline;
    if (stopped()) break;
    for await (const { unit, tried: more, hits } of run(units, stopped)) {
      const index = search.units[unit]?.block ?? 0;
      const row = searched[index];
      if (row !== undefined) row.tried += more;
      tried += more;
      found ??= hits[0];
      onProgress?.({ tried, total, changes: row?.changes ?? 0, seconds: (now() - start) / 1000 });
    }
  }
  if (found === undefined) {
    return { hits: [], tried, exhausted: tried === total, searched };
  }
  const { hits, all } = twins(search, found, () => now() >= deadline);
  return { hits: [found, ...hits], tried, exhausted: all, searched };
}

/** Searches units one after the other in this thread, and lets others have it in between. @param pause gives it up */
export function runHere(search: BlockSearch, pause: () => Promise<void>): UnitRunner {
  return async function* (units, stopped) {
    for (const unit of units) {
      if (stopped()) return;
      const one = search.units[unit];
      if (one === undefined) continue;
      yield { unit, ...search.run(one) };
      await pause();
    }
  };
}
