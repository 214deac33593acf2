import { HarnessError } from '../errors.ts';
import type { BlockSearch, Hit } from './block-search.ts';
import { combinationsOf, stateOfHit } from './block-search.ts';
import { digestOfState } from './reproduce.ts';

/** A launch that a host may have measured. */
export interface Hypothesis {
  readonly hit: Hit;
  /** 48 bytes. */
  readonly digest: Uint8Array;
}

/** Blocks larger than this hold nothing that is worth a launch of its own. */
const BLOCK_SIZE_MAX = 512;

/**
 * The hypotheses that are most worth asking a host about, best first, each with a digest of its own: single changes and
 * pairs of the most usual ones.
 * @param count at most so many
 */
export function bestHypotheses(search: BlockSearch, count: number): Hypothesis[] {
  const found: Hypothesis[] = [];
  const seen = new Set<string>();
  const blocks = search.blocks
    .map((block, index) => ({ block, index }))
    .filter(({ block }) => block.changes <= 2 && !block.countFree && block.size <= BLOCK_SIZE_MAX);
  const hits = blocks
    .flatMap(({ index }) => combinationsOf(search, index))
    .sort((left, right) => right.prior - left.prior);
  for (const { hit } of hits) {
    if (found.length >= count) break;
    try {
      const digest = digestOfState(stateOfHit(search.base, hit));
      const key = Buffer.from(digest).toString('hex');
      if (!seen.has(key)) found.push({ hit, digest });
      seen.add(key);
    } catch (error) {
      // A launch that cannot be measured is none that the host made.
      if (!(error instanceof HarnessError)) throw error;
    }
  }
  return found;
}
