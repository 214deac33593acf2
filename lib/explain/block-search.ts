import { DIGEST_BYTES } from '../measure/launch-context.ts';
import { type Axis, type Block, COST, COUNTED_VCPUS, planBlocks } from './blocks.ts';
import { ChainWalker, HALF_AT, HALF_BYTES } from './chain-walker.ts';
import { HalfTable } from './half-table.ts';
import { featuresOf, rdxOf, Trunks, Vmsas } from './halves.ts';
import { baseState, type KnownLaunch, type LaunchState } from './launch-state.ts';
import { type Option, PRIOR } from './option.ts';
import { type ListedSubject, optionsOf } from './options.ts';
import { pageHasher } from './page-hasher.ts';

/** A part of a block that is searched in one go: ranges of the combinations of both halves, ends excluded. */
export interface Unit {
  readonly block: number;
  readonly trunk: readonly [number, number];
  readonly vmsa: readonly [number, number];
}

/** A hypothesis that gives the digest. */
export interface Hit {
  readonly options: readonly Option[];
  /** The count that gives the digest, where it is not that of the prediction; null: it is. */
  readonly vcpus: number | null;
}

/** What came of one unit. */
export interface UnitResult {
  readonly tried: number;
  readonly hits: readonly Hit[];
}

/** What one unit costs: some ten milliseconds, so that progress, time limit and the sharing out among workers are fine enough. */
const UNIT_COST = 40_000;
/** Second halves are kept for the blocks that share them, as long as they take no more than this. */
const KEPT_BYTES = 24 * 1024 ** 2;

const sizeOf = (axes: readonly Axis[]): number => axes.reduce((size, { options }) => size * options.length, 1);

/** The options of a combination, by its number. */
function combination(axes: readonly Axis[], number: number): Option[] {
  let rest = number;
  return axes.map(({ options }) => {
    const option = options.at(rest % options.length);
    rest = Math.floor(rest / options.length);
    if (option === undefined) throw new RangeError('a combination of no options');
    return option;
  });
}

function applied(base: LaunchState, options: readonly (Option | null)[]): LaunchState {
  const state = { ...base };
  for (const option of options) Object.assign(state, option?.set);
  return state;
}

/** An option with all of it worked out, so that it can be told to another thread. */
function plain({ change, cause, likelihood, set }: Option): Option {
  return { change, cause, likelihood, set };
}

/** What the first half of a launch is made of, but for the page of kernel hashes. */
const TRUNK_BUT_FILES = ['firmware', 'layout', 'profile', 'hashesMeasured'] as const satisfies (keyof LaunchState)[];
/** What stands in that page, by the subject that changes it. */
const HASHES = { cmdline: 'cmdlineHash', initrd: 'initrdHash', kernel: 'kernelHash' } as const satisfies Partial<
  Record<ListedSubject, keyof LaunchState>
>;

const withoutApplication = (half: Buffer): Buffer =>
  half.fill(0, HALF_AT.application, HALF_AT.application + DIGEST_BYTES);

const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

const alikeButFiles = (left: LaunchState, right: LaunchState): boolean =>
  TRUNK_BUT_FILES.every((part) => left[part] === right[part]);

/** Can no combination of a block be the launch that was found, since a file differs that the block does not change? */
function missesFiles({ trunk }: Block, base: LaunchState, found: LaunchState): boolean {
  const changed = trunk.map(({ subject }) => subject);
  if (!found.hashesMeasured || !alikeButFiles(base, found)) return false;
  if (!changed.every((subject) => Object.hasOwn(HASHES, subject))) return false;
  return Object.entries(HASHES).some(
    ([subject, part]) => !changed.some((one) => one === subject) && !same(base[part], found[part]),
  );
}

/** The state that a hit stands for. */
export function stateOfHit(base: LaunchState, { options, vcpus }: Hit): LaunchState {
  return { ...applied(base, options), ...(vcpus === null ? {} : { vcpus }) };
}

/** Every hypothesis of a small block, and how likely it is: the product of what its options weigh. */
export function combinationsOf({ blocks }: BlockSearch, index: number): { hit: Hit; prior: number }[] {
  const block = blocks[index];
  if (block === undefined) return [];
  const axes = [...block.trunk, ...block.vmsa];
  return Array.from({ length: sizeOf(axes) }, (_, number) => {
    const options = [...(block.profile === null ? [] : [block.profile]), ...combination(axes, number)];
    return {
      hit: { options, vcpus: null },
      prior: options.reduce((all, { likelihood }) => all * PRIOR[likelihood], 1),
    };
  });
}

/** Cuts a block into units. */
function unitsOf(block: Block, index: number, base: LaunchState): Unit[] {
  const [trunks, vmsas] = [sizeOf(block.trunk), sizeOf(block.vmsa)];
  const chain = block.countFree ? COUNTED_VCPUS : base.vcpus;
  // Second halves are made for the first trunk only.
  const half = chain + (trunks === 1 ? COST.vmsas : 0);
  const row = vmsas * half + COST.trunk;
  const trunkStep = Math.max(1, Math.floor(UNIT_COST / row));
  const vmsaStep = row <= UNIT_COST ? vmsas : Math.max(1, Math.floor(UNIT_COST / half));
  const units: Unit[] = [];
  for (let trunk = 0; trunk < trunks; trunk += trunkStep) {
    for (let vmsa = 0; vmsa < vmsas; vmsa += vmsaStep) {
      units.push({
        block: index,
        trunk: [trunk, Math.min(trunks, trunk + trunkStep)],
        vmsa: [vmsa, Math.min(vmsas, vmsa + vmsaStep)],
      });
    }
  }
  return units;
}

/**
 * The hypotheses about one launch, in blocks, and the search of each part of them. Built anew from the same launch it is
 * the same, so that workers need be told nothing but numbers of units.
 */
export class BlockSearch {
  readonly base: LaunchState;
  readonly blocks: readonly Block[];
  readonly units: readonly Unit[];
  #target: Uint8Array = new Uint8Array(DIGEST_BYTES);
  readonly #trunks = new Trunks();
  readonly #vmsas = new Vmsas(pageHasher());
  readonly #walker = new ChainWalker();
  readonly #halves = new Map<string, HalfTable>();
  #last: { block: Block; state: LaunchState; table: HalfTable | null } | undefined;
  /** A second half that is not kept. */
  readonly #once = Buffer.alloc(HALF_BYTES);

  constructor(known: KnownLaunch) {
    this.base = baseState(known);
    this.blocks = planBlocks(optionsOf(known, this.base), this.base);
    this.units = this.blocks.flatMap((block, index) => unitsOf(block, index, this.base));
  }

  /** Says what is searched for from now on. @param target 48 bytes: the digest that is to be explained */
  aim(target: Uint8Array): this {
    this.#target = target;
    this.#walker.aim(target);
    return this;
  }

  /** The second halves of a block for one firmware, shared by all blocks that change the same of vCPUs; null: too many to keep. */
  #tableOf(block: Block, state: LaunchState): HalfTable | null {
    const last = this.#last;
    if (last?.block === block && last.state.profile === state.profile && last.state.firmware === state.firmware)
      return last.table;
    const table = sizeOf(block.vmsa) * HALF_BYTES > KEPT_BYTES ? null : this.#keptTable(block, state);
    this.#last = { block, state, table };
    return table;
  }

  #keptTable(block: Block, state: LaunchState): HalfTable {
    const axes = block.vmsa.map(({ name }) => name);
    const key = [state.profile.name, state.firmware.resetVector, state.svsmEntry, ...axes].join(', ');
    const known = this.#halves.get(key);
    if (known !== undefined) return known;
    const kept = [...this.#halves.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    if (kept > KEPT_BYTES) this.#halves.clear();
    const made = new HalfTable(sizeOf(block.vmsa));
    this.#halves.set(key, made);
    return made;
  }

  /** The count of vCPUs at which a launch has the digest; null: it has not. */
  #countOf(half: Uint8Array, countFree: boolean): number | null {
    const { vcpus } = this.base;
    if (countFree) return this.#walker.countOf(half, COUNTED_VCPUS) || null;
    return this.#walker.matchesAt(half, vcpus) ? vcpus : null;
  }

  /** Searches one unit. */
  run({ block: index, trunk: [from, to], vmsa: [low, high] }: Unit): UnitResult {
    const block = this.blocks[index];
    if (block === undefined) throw new RangeError('a unit of no block');
    const hits: Hit[] = [];
    const start = applied(this.base, [block.profile]);
    for (let number = from; number < to; number += 1) {
      const trunkOptions = combination(block.trunk, number);
      const state = applied(start, trunkOptions);
      const trunk = this.#trunks.digest(state);
      if (trunk === null) continue;
      const prefix = [...(block.profile === null ? [] : [block.profile]), ...trunkOptions];
      if (block.countFree && Buffer.compare(trunk, this.#target) === 0)
        hits.push({ options: prefix.map(plain), vcpus: 0 });
      this.#walker.begin(trunk);
      const table = this.#tableOf(block, state);
      for (let vmsa = low; vmsa < high; vmsa += 1) {
        const make = (place: Buffer): boolean =>
          this.#vmsas.write(applied(state, combination(block.vmsa, vmsa)), place);
        const half = table === null ? (make(this.#once) ? this.#once : null) : table.of(vmsa, make);
        if (half === null) continue;
        const count = this.#countOf(half, block.countFree);
        if (count === null) continue;
        const options = [...prefix, ...combination(block.vmsa, vmsa)].map(plain);
        hits.push({ options, vcpus: block.countFree ? count : null });
      }
    }
    return { tried: (to - from) * (high - low) * (block.countFree ? COUNTED_VCPUS : 1), hits };
  }

  /**
   * All hypotheses of a block that are the launch that was found already: once both halves are known, each is compared by
   * itself, and no vCPU is walked.
   */
  sameLaunch(index: number, found: LaunchState): Hit[] {
    const block = this.blocks[index];
    const wantedTrunk = this.#trunks.digest(found);
    if (block === undefined || wantedTrunk === null) return [];
    if (block.countFree === (found.vcpus === this.base.vcpus)) return [];
    const base = applied(this.base, [block.profile]);
    const matching = new Map<string, Option[][]>();
    const halvesOf = (state: LaunchState): Option[][] => {
      const start = `${state.firmware.resetVector} ${state.svsmEntry}`;
      const halves = matching.get(start) ?? this.#sameHalves(block, state, found);
      matching.set(start, halves);
      return halves;
    };
    // Where vCPUs start is all that a first half says about the second: one that fits no second half needs no walk.
    if (!block.trunk.some(({ subject }) => subject === 'firmware') && halvesOf(base).length === 0) return [];
    if (missesFiles(block, base, found)) return [];
    const hits: Hit[] = [];
    for (let number = 0; number < sizeOf(block.trunk); number += 1) {
      const trunkOptions = combination(block.trunk, number);
      const state = applied(base, trunkOptions);
      if (!this.#sameTrunk(state, found, wantedTrunk)) continue;
      const prefix = [...(block.profile === null ? [] : [block.profile]), ...trunkOptions];
      for (const half of halvesOf(state)) {
        hits.push({ options: [...prefix, ...half], vcpus: block.countFree ? found.vcpus : null });
      }
    }
    return hits;
  }

  /** Do two launches have one first half? Told by the hashes of their files, where all else of it is the same. */
  #sameTrunk(state: LaunchState, found: LaunchState, wanted: Uint8Array): boolean {
    if (alikeButFiles(state, found))
      return !found.hashesMeasured || Object.values(HASHES).every((part) => same(state[part], found[part]));
    const trunk = this.#trunks.digest(state);
    return trunk !== null && same(trunk, wanted);
  }

  /** The combinations of a block that make the second half that was found. */
  #sameHalves(block: Block, state: LaunchState, found: LaunchState): Option[][] {
    if (found.vcpus === 0) return block.vmsa.length === 0 ? [[]] : [];
    // Of one vCPU nothing but its own page counts, and the address.
    const counts = found.vcpus === 1 ? withoutApplication : (half: Buffer): Buffer => half;
    const [wanted, half] = [Buffer.alloc(HALF_BYTES), Buffer.alloc(HALF_BYTES)];
    if (!this.#vmsas.write(found, wanted)) return [];
    const [rdx, features] = [rdxOf(found), featuresOf(found)];
    const matching: Option[][] = [];
    for (let number = 0; number < sizeOf(block.vmsa); number += 1) {
      const options = combination(block.vmsa, number);
      const changed = applied(state, options);
      // Both stand in every page, so that of tens of thousands next to none is hashed.
      if (rdxOf(changed) !== rdx || featuresOf(changed) !== features) continue;
      if (this.#vmsas.write(changed, half) && same(counts(half), counts(wanted))) matching.push(options);
    }
    return matching;
  }
}
