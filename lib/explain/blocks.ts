import type { LaunchState } from './launch-state.ts';
import { LIKELIHOODS, type Likelihood, type Option, type OptionList, PRIOR, SUBJECTS, type Subject } from './option.ts';
import type { ListedSubject, Options } from './options.ts';

/** More vCPUs than any host of one socket has threads; every count up to it is a hypothesis. */
export const COUNTED_VCPUS = 512;

/** Subjects by the half of the launch that they are in; the profile is in both, the count in neither. */
const TRUNK: readonly ListedSubject[] = ['firmware', 'layout', 'kernelHashes', 'kernel', 'initrd', 'cmdline'];
const VMSA: readonly ListedSubject[] = ['features', 'signature', 'address', 'registers'];

/** The options of one subject that stand in a block. */
export interface Axis {
  readonly subject: ListedSubject;
  readonly likelihood: Likelihood;
  /** Names subject and likelihood; axes with one name have the same options. */
  readonly name: string;
  readonly options: OptionList;
  /** What they weigh together. */
  readonly prior: number;
}

/** Hypotheses that change the same subjects: every combination of one option of each axis, and of a count where that is free. */
export interface Block {
  readonly changes: number;
  readonly profile: Option | null;
  readonly trunk: readonly Axis[];
  readonly vmsa: readonly Axis[];
  readonly countFree: boolean;
  /** Are there hypotheses in it that are far from usual? They are searched after all others of as many changes. */
  readonly wide: boolean;
  /** How many hypotheses. */
  readonly size: number;
  /** In hashes of 112 bytes, near enough. */
  readonly cost: number;
  /** How likely the cause is to be in it. */
  readonly prior: number;
}

const product = (axes: readonly Axis[]): number => axes.reduce((size, { options }) => size * options.length, 1);

/** The axes of each subject, made once for each likelihood. */
class Axes {
  readonly #options: Options;
  readonly #made = new Map<string, Axis>();

  constructor(options: Options) {
    this.#options = options;
  }

  of(subject: ListedSubject, likelihood: Likelihood): Axis {
    const key = `${subject} ${likelihood}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const options = this.#options[subject][likelihood];
    const axis = { subject, likelihood, name: key, options, prior: options.length * PRIOR[likelihood] };
    this.#made.set(key, axis);
    return axis;
  }
}

/** Subjects in groups of so many, in order. */
function groups(subjects: readonly Subject[], count: number): Subject[][] {
  if (count === 0) return [[]];
  return subjects.flatMap((subject, index) =>
    groups(subjects.slice(index + 1), count - 1).map((rest) => [subject, ...rest]),
  );
}

/** Is there anything to change when these subjects change together? */
function makesSense(subjects: readonly Subject[], base: LaunchState): boolean {
  const has = (subject: Subject): boolean => subjects.includes(subject);
  const boot = has('kernel') || has('initrd') || has('cmdline');
  if (has('kernelHashes')) return base.hashesMeasured ? !boot : !has('kernel');
  return base.hashesMeasured || has('kernel') || !boot;
}

const ALL = Object.keys(LIKELIHOODS) as Likelihood[];

/** Which options stand together: all so usual as the changes are many, or one less so and the others most usual. */
interface Ranking {
  readonly wide: boolean;
  readonly admitted: (subject: Subject) => Likelihood;
}

/** Every choice of one likelihood a subject, as blocks of their own: what is likely is not searched among what is not. */
function choices(subjects: readonly ListedSubject[], likelihoods: readonly Likelihood[]): Map<Subject, Likelihood>[] {
  return subjects.reduce<Map<Subject, Likelihood>[]>(
    (made, subject) =>
      made.flatMap((choice) => likelihoods.map((likelihood) => new Map(choice).set(subject, likelihood))),
    [new Map()],
  );
}

function rankings(subjects: readonly ListedSubject[], changes: number): Ranking[] {
  const usual = ALL.filter((likelihood) => LIKELIHOODS[likelihood] >= Math.max(changes, LIKELIHOODS.usual));
  const nearEnough = choices(subjects, usual).map((choice): Ranking => {
    return { wide: false, admitted: (subject) => choice.get(subject) ?? 'top' };
  });
  if (changes === 1)
    return [...nearEnough, ...(['wide', 'far'] as const).map((one) => ({ wide: true, admitted: () => one }))];
  const further = ALL.filter((likelihood) => LIKELIHOODS[likelihood] === changes - 1);
  const far = further.flatMap((likelihood) =>
    subjects.map((one): Ranking => {
      return { wide: true, admitted: (subject) => (subject === one ? likelihood : 'top') };
    }),
  );
  return [...nearEnough, ...far];
}

function blocksOfSubjects(subjects: readonly Subject[], axes: Axes, base: LaunchState): Block[] {
  const listed = subjects.filter((subject): subject is ListedSubject => subject !== 'vcpus');
  const countFree = listed.length < subjects.length;
  return rankings(listed, subjects.length).flatMap(({ wide, admitted }) => {
    if (listed.length === 0 && wide) return [];
    const all = listed.map((subject) => axes.of(subject, admitted(subject)));
    if (all.some(({ options }) => options.length === 0)) return [];
    const trunk = all.filter(({ subject }) => TRUNK.includes(subject));
    const vmsa = all.filter(({ subject }) => VMSA.includes(subject));
    const profiles = all.find(({ subject }) => subject === 'profile')?.options;
    const each =
      profiles === undefined ? [null] : Array.from({ length: profiles.length }, (_, at) => profiles.at(at) ?? null);
    return each
      .filter((profile) => !idle(profile, vmsa, base))
      .map((profile) => {
        const pairs = product(trunk) * product(vmsa);
        const chain = countFree ? COUNTED_VCPUS : base.vcpus;
        const others = (profile === null ? 1 : PRIOR[profile.likelihood]) * (countFree ? PRIOR.top : 1);
        return {
          changes: subjects.length,
          profile,
          trunk,
          vmsa,
          countFree,
          wide,
          size: pairs * (countFree ? COUNTED_VCPUS : 1),
          cost: pairs * chain + product(trunk) * COST.trunk + product(vmsa) * COST.vmsas,
          prior: [...trunk, ...vmsa].reduce((together, { prior }) => together * prior, others),
        };
      });
  });
}

/** What halves cost in hashes of 112 bytes: a page of kernel hashes, and both pages of vCPUs. */
export const COST = { trunk: 12, vmsas: 20 } as const;

/** Would nothing of the block be measured? A VMM with a constant in RDX measures no signature. */
function idle(profile: Option | null, vmsa: readonly Axis[], base: LaunchState): boolean {
  const { rdx } = profile?.set.profile ?? base.profile;
  return rdx !== 'signature' && vmsa.some(({ subject }) => subject === 'signature');
}

/** The steps of a search, each done to its end before the next is begun. */
export const STAGES = ['singles', 'wide singles', 'usual pairs', 'rest'] as const;
export type Stage = (typeof STAGES)[number];

/**
 * When a block is searched. Single changes come before all others, those far from usual too: there is no smaller
 * explanation, and what is told must be the smallest. Only `far` ones, of which there are a million, wait.
 */
export function stageOf({ changes, wide, trunk, vmsa }: Block): Stage {
  if (changes === 1 && !wide) return 'singles';
  if (changes === 1 && ![...trunk, ...vmsa].some(({ likelihood }) => likelihood === 'far')) return 'wide singles';
  return changes === 2 && !wide ? 'usual pairs' : 'rest';
}

/** All hypotheses of one to three changes, in the order in which they are searched: what most likely costs least first. */
export function planBlocks(options: Options, base: LaunchState): Block[] {
  const axes = new Axes(options);
  const all = [1, 2, 3].flatMap((changes) =>
    groups(SUBJECTS, changes)
      .filter((subjects) => makesSense(subjects, base))
      .flatMap((subjects) => blocksOfSubjects(subjects, axes, base)),
  );
  const step = (block: Block): number => STAGES.indexOf(stageOf(block));
  // Of what is equally unlikely the short lists come first.
  const worth = (block: Block): number =>
    stageOf(block) === 'wide singles' ? 1 / block.cost : block.prior / block.cost;
  return all.sort((left, right) => step(left) - step(right) || worth(right) - worth(left));
}
