import type { ResultKind } from '../../lib/evidence/results.ts';
import type { PageAxis } from '../../lib/reporters/page/model.ts';
import type { Run } from './run.ts';

/** One value of one axis. */
export interface Condition {
  axis: PageAxis;
  value: number;
}

/** What rows of one kind have in common, as far as the axes tell. */
export interface Cause {
  conditions: Condition[];
  /** Rows of the kind that meet the conditions, all rows of the kind, and all that meet them. */
  met: number;
  of: number;
  all: number;
}

/** Single values that are tried in pairs: the others say too little by themselves. */
const PAIRED = 16;
/** A pair is told only where it says clearly more than its better half. */
const WORTH_A_PAIR = 0.08;

const entropy = (part: number, whole: number): number => {
  const share = whole === 0 ? 0 : part / whole;
  return share === 0 || share === 1 ? 0 : -share * Math.log2(share) - (1 - share) * Math.log2(1 - share);
};

/** How much knowing the value of an axis tells of which rows are marked, in bits a row. */
function information(axis: PageAxis, marked: Uint8Array): number {
  const all = new Map<number, number>();
  const hits = new Map<number, number>();
  let total = 0;
  for (let row = 0; row < marked.length; row++) {
    const value = axis.of[row] ?? -1;
    all.set(value, (all.get(value) ?? 0) + 1);
    if (marked[row] === 1) {
      hits.set(value, (hits.get(value) ?? 0) + 1);
      total++;
    }
  }
  let left = 0;
  for (const [value, count] of all) left += (count / marked.length) * entropy(hits.get(value) ?? 0, count);
  return entropy(total, marked.length) - left;
}

function mark(run: Run, wanted: (kind: ResultKind) => boolean): Uint8Array {
  return Uint8Array.from({ length: run.count }, (_, row) => (wanted(run.kind(row)) ? 1 : 0));
}

/** The axes in the order in which they tell what went wrong; without trouble, the longest first. */
export function tellingAxes(run: Run): [down: string, across: string] {
  const candidates = run.varying.length >= 2 ? run.varying : run.index.axes;
  const marked = mark(run, (kind) => kind !== 'pass' && kind !== 'skip');
  const trouble = marked.includes(1);
  const scored = candidates.map((axis, order) => ({
    axis,
    // Of axes that tell the same, the first of the matrix; a little for its length, which the eye can use.
    score: (trouble ? information(axis, marked) : 0) + Math.min(axis.values.length, 40) * 1e-4 - order * 1e-6,
  }));
  scored.sort((left, right) => right.score - left.score);
  const [first, second] = scored.map(({ axis }) => axis);
  if (first === undefined) return ['', ''];
  if (second === undefined) return [first.name, first.name];
  return first.values.length >= second.values.length ? [first.name, second.name] : [second.name, first.name];
}

/** The harmonic mean of how many of the marked meet the conditions and how many that meet them are marked. */
const fit = ({ met, of, all }: Cause): number => (2 * met) / (of + all);

function causeOf(run: Run, marked: Uint8Array, of: number, conditions: Condition[]): Cause {
  let met = 0;
  let all = 0;
  for (let row = 0; row < run.count; row++) {
    if (!conditions.every(({ axis, value }) => axis.of[row] === value)) continue;
    all++;
    met += marked[row] ?? 0;
  }
  return { conditions, met, of, all };
}

/**
 * What the rows of a kind have in common: the value of an axis, or the pair of values, that fits them best and leaves out
 * the others. undefined where there are none, or where nothing fits better than chance.
 */
export function commonCause(run: Run, kind: ResultKind): Cause | undefined {
  const marked = mark(run, (one) => one === kind);
  const of = marked.reduce((sum, one) => sum + one, 0);
  if (of === 0 || of === run.count) return undefined;
  const singles = run.varying
    .flatMap((axis) => axis.values.map((_, value) => causeOf(run, marked, of, [{ axis, value }])))
    .filter(({ met }) => met > 0)
    .sort((left, right) => fit(right) - fit(left));
  const [best] = singles;
  if (best === undefined) return undefined;
  const top = singles.slice(0, PAIRED);
  const pairs = top.flatMap((left, index) =>
    top
      .slice(index + 1)
      .filter((right) => right.conditions[0]?.axis !== left.conditions[0]?.axis)
      .map((right) => causeOf(run, marked, of, [...left.conditions, ...right.conditions])),
  );
  const pair = pairs.sort((left, right) => fit(right) - fit(left))[0];
  const chosen = pair !== undefined && fit(pair) > fit(best) + WORTH_A_PAIR ? pair : best;
  const byChance = (2 * of) / (of + run.count);
  return fit(chosen) > byChance + 0.05 ? chosen : undefined;
}
