import type { BlockSearch, Hit } from './block-search.ts';
import { stateOfHit } from './block-search.ts';
import { type CauseId, causeOf } from './causes.ts';
import { type Change, type ExplanationKind, INPUT_NAMES, inputPhrase } from './change.ts';
import type { KnownLaunch } from './launch-state.ts';
import { LIKELIHOODS, type Option } from './option.ts';
import { digestOfState } from './reproduce.ts';

/** A smallest change of inputs that gives the digest, or what else is known about the difference. */
export interface Explanation {
  readonly changes: readonly Change[];
  readonly kind: ExplanationKind;
  /** An id of docs/mismatch-causes.md. */
  readonly cause: CauseId;
  /** For people: what differs, where that comes from, and what to do. */
  readonly advice: string;
}

/** Which way round a digest is explained: what a host measured, or what somebody else expected of the launch. */
export type Direction = 'observed' | 'expected';

/** A change with the cause that is told of it. */
export interface CausedChange {
  readonly change: Change;
  readonly cause: CauseId;
}

/** The cause of another count of vCPUs. @param to the count that was measured */
export function countCause(known: KnownLaunch, to: number): CauseId {
  if (to === 0) return 'vmsa-not-measured';
  if (to === known.maxVcpus && to !== known.launch.vcpus) return 'vcpu-count-maxcpus';
  return to === 1 ? 'boot-vcpu-only' : 'vcpu-count';
}

/** A profile and registers of its own are one input: two changes of it are said as one. */
function mergedProfile(changes: readonly CausedChange[]): CausedChange[] {
  const [first, second] = changes.filter(({ change }) => change.input === 'vmmProfile');
  if (first === undefined || second === undefined) return [...changes];
  const registers = second.change.to?.replace(/^.*? with /, '') ?? '';
  const merged = { change: { ...first.change, to: `${first.change.to} with ${registers}` }, cause: first.cause };
  return changes.flatMap((one) => (one === first ? [merged] : one === second ? [] : [one]));
}

function causedChanges(known: KnownLaunch, { options, vcpus }: Hit): CausedChange[] {
  const changes: CausedChange[] = options.map(({ change, cause }) => ({ change, cause }));
  const count: CausedChange[] =
    vcpus === null
      ? []
      : [
          {
            change: { input: 'vcpus', from: String(known.launch.vcpus), to: String(vcpus) },
            cause: countCause(known, vcpus),
          },
        ];
  const byName = ({ change: { input } }: CausedChange): number => INPUT_NAMES.indexOf(input);
  return mergedProfile([...changes, ...count]).sort((left, right) => byName(left) - byName(right));
}

/** What is said of both values of a change, by what is known of them. */
const DIFFERENCES: Readonly<Record<Direction | 'possible', (from: string, to: string) => string>> = {
  observed: (from, to) => `the host measured ${to}; the prediction used ${from}.`,
  expected: (from, to) => `the expected digest was made with ${to}; the launch has ${from}.`,
  possible: (from, to) => `the host may have measured ${to}; the prediction used ${from}.`,
};

/** In words: what differs, where it comes from, what to do; one sentence or more each. */
export function adviceText(changes: readonly CausedChange[], direction: Direction | 'possible'): string {
  return changes
    .map(({ change, cause }) => {
      const { input } = change;
      const [from, to] = [inputPhrase(input, change.from), inputPhrase(input, change.to)];
      const difference = DIFFERENCES[direction](from, to);
      const { why, advice } = causeOf(cause);
      // Causes advise whoever predicted; here it is the launch that is at hand, and the digest is somebody else's.
      const told = direction === 'expected' ? `Launch with ${to}, or have the digest made for ${from}` : advice(change);
      return `${difference} ${why} ${/[.!?]$/.test(told) ? told : `${told}.`}`;
    })
    .join('\n');
}

/** Subjects that are different names for one thing: how VMM and host kernel launch. */
const OF_THE_VMM: ReadonlySet<string> = new Set(['vmmProfile', 'pageOrder']);

/** What a hit is about, so that one launch under two names is told once. */
function themeOf(changes: readonly CausedChange[]): string {
  const names = changes.map(({ change: { input } }) => {
    if (OF_THE_VMM.has(input)) return 'vmm';
    return input === 'vcpuType' ? 'vcpuSig' : input;
  });
  return [...new Set(names)].sort().join(' ');
}

/** How usual a hit is; of two that are alike the one that options of `predict` can say. */
const rankOf = (options: readonly Option[]): number =>
  options.reduce((sum, { likelihood, set }) => {
    const sayable = !('registers' in set) && !('layout' in set);
    return sum + LIKELIHOODS[likelihood] + (sayable ? 0.5 : 0);
  }, 0);

/**
 * What was found, as explanations, the most likely first. Each is measured anew before it is named; names of one launch
 * are told once, under the most useful.
 * @param target 48 bytes
 */
export function explanationsOf(
  search: BlockSearch,
  known: KnownLaunch,
  hits: readonly Hit[],
  target: Uint8Array,
  direction: Direction,
): Explanation[] {
  const sorted = [...hits].sort((left, right) => rankOf(right.options) - rankOf(left.options));
  const themes = new Set<string>();
  return sorted.flatMap((hit) => {
    const changes = causedChanges(known, hit);
    const theme = themeOf(changes);
    if (themes.has(theme)) return [];
    if (Buffer.compare(digestOfState(stateOfHit(search.base, hit)), target) !== 0) return [];
    themes.add(theme);
    const [first] = changes;
    if (first === undefined) return [];
    return [
      {
        changes: changes.map(({ change }) => change),
        kind: 'match',
        cause: first.cause,
        advice: adviceText(changes, direction),
      },
    ];
  });
}
