import type { CauseId } from './causes.ts';
import type { Change } from './change.ts';
import type { LaunchState } from './launch-state.ts';

/** The parts of a launch that hypotheses change, each independent of the others. */
export const SUBJECTS = [
  'profile',
  'features',
  'signature',
  'address',
  'registers',
  'vcpus',
  'firmware',
  'kernelHashes',
  'kernel',
  'initrd',
  'cmdline',
  'layout',
] as const;
export type Subject = (typeof SUBJECTS)[number];

/**
 * How usual a change is. It decides how far it is combined with others: a `top` or `core` one stands in triples, a `usual`
 * one in pairs, a `wide` one by itself; one step further each together with `top` ones only. A `far` one stands by itself.
 */
export const LIKELIHOODS = { top: 4, core: 3, usual: 2, wide: 1, far: 0 } as const;
export type Likelihood = keyof typeof LIKELIHOODS;

/** What a change of each likelihood weighs when the order of the search is made. */
export const PRIOR: Readonly<Record<Likelihood, number>> = {
  top: 0.1,
  core: 0.01,
  usual: 0.001,
  wide: 1e-6,
  far: 1e-9,
};

/** One hypothesis about one part of a launch. */
export interface Option {
  readonly change: Change;
  readonly cause: CauseId;
  readonly likelihood: Likelihood;
  /** The parts of the state that it replaces; parts of one subject only. */
  readonly set: Partial<LaunchState>;
  /** Tells its effect apart from that of others where `set` is worked out only when it is asked for; absent: `set` does. */
  readonly key?: string;
}

/** Options that may be made only when they are asked for; an array is one. */
export interface OptionList {
  readonly length: number;
  at(index: number): Option | undefined;
}
