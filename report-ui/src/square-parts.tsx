import type { ResultKind } from '../../lib/evidence/results.ts';
import { Shape } from './result.tsx';
import { KINDS } from './run.ts';

/** Each kind in a square takes so many pixels, words included; without that room there are no words. */
const ROOM_FOR_WORDS = 70;

interface PartsProps {
  totals: Readonly<Record<ResultKind, number>>;
  of: number;
  /** Of the square, in pixels. */
  width: number;
}

/**
 * What did not pass in a square of several kinds: each kind with its shape, and of how many. The style writes the numbers:
 * whoever hears the page is told the same in words by the name of the square.
 */
export function Parts({ totals, of, width }: PartsProps) {
  const kinds = KINDS.filter((kind) => kind !== 'pass' && totals[kind] > 0);
  return (
    <span class="square-parts">
      {kinds.map((kind) => (
        <span key={kind} class={`square-part ink-${kind}`} data-count={totals[kind]}>
          <Shape kind={kind} />
        </span>
      ))}
      {width >= ROOM_FOR_WORDS * kinds.length && <span class="square-of" data-count={of} />}
    </span>
  );
}
