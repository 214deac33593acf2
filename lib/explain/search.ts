import type { BlockSearch, Hit, UnitResult } from './block-search.ts';
import { stateOfHit } from './block-search.ts';
import { type Block, STAGES, type Stage, stageOf } from './blocks.ts';

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
  const axes = [...vmsa, ...trunk].map(({ subject, likelihood }) =>
    likelihood === 'far' ? `${subject} (far from usual)` : subject,
  );
  const names = [...(profile === null ? [] : ['profile']), ...axes];
  return [...names, ...(countFree ? ['vcpus'] : [])].join(' + ');
}

/**
 * What wide single changes may cost before usual pairs are begun, in hashes of 112 bytes: five seconds of a processor. With
 * a hundred vCPUs they cost more, and the last of them, signatures, wait until the pairs are done.
 */
const WIDE_FIRST_COST = 8_000_000;

/** Units in the order in which they are searched, each stage to its end unless something is found. */
export function unitsByStage({ blocks, units }: BlockSearch): number[][] {
  const stages: Readonly<Record<Stage, number[]>> = { singles: [], 'wide singles': [], 'usual pairs': [], rest: [] };
  const waiting: number[] = [];
  let wideCost = 0;
  for (const [number, { block, trunk, vmsa }] of units.entries()) {
    const found = blocks[block];
    if (found === undefined) continue;
    const stage = stageOf(found);
    if (stage === 'wide singles') wideCost += (found.cost * (trunk[1] - trunk[0]) * (vmsa[1] - vmsa[0])) / found.size;
    if (stage === 'wide singles' && wideCost > WIDE_FIRST_COST) waiting.push(number);
    else stages[stage].push(number);
  }
  stages['usual pairs'].push(...waiting);
  return STAGES.map((stage) => stages[stage]).filter((stage) => stage.length > 0);
}

/**
 * All hypotheses that are the same launch as one that was found: those of as many changes, and of what has fewer and was
 * not searched before it, where one of those is the explanation.
 */
function twins(
  search: BlockSearch,
  hit: Hit,
  searched: readonly Searched[],
  late: () => boolean,
): { hits: Hit[]; all: boolean } {
  const found = stateOfHit(search.base, hit);
  const changes = hit.options.length + (hit.vcpus === null ? 0 : 1);
  let hits = [hit];
  let fewest = changes;
  const open = (index: number): boolean => (searched[index]?.tried ?? 0) < (searched[index]?.size ?? 0);
  const candidates = search.blocks
    .map((block, index) => ({ block, index }))
    .filter(({ block, index }) => (block.changes === changes ? !block.wide : block.changes < changes && open(index)))
    .sort((left, right) => left.block.changes - right.block.changes);
  for (const { block, index } of candidates) {
    if (block.changes > fewest) break;
    if (late()) return { hits, all: false };
    const same = search.sameLaunch(index, found);
    if (same.length > 0 && block.changes < fewest) {
      fewest = block.changes;
      hits = [];
    }
    hits.push(...same);
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
  const { hits, all } = twins(search, found, searched, () => now() >= deadline);
  return { hits, tried, exhausted: all, searched };
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
