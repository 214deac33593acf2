import { BlockSearch, type Unit } from '../../lib/explain/block-search.ts';
import { stageOf } from '../../lib/explain/blocks.ts';
import { explanationsOf } from '../../lib/explain/explanation.ts';
import { runHere, searchHypotheses } from '../../lib/explain/search.ts';
import { cmdlineHashOf } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { expect, test } from '../support/test.ts';
import { Dice, plant, type Scene, SMALL_IMAGES, sceneOf } from './plants.ts';

/** Searches for one digest in this thread, with no limit. */
async function explained(search: BlockSearch, { known }: Scene, target: Uint8Array) {
  const run = runHere(search.aim(target), () => Promise.resolve());
  const result = await searchHypotheses(search, { now: () => 0, deadline: 1, run });
  return { result, explanations: explanationsOf(search, known, result.hits, target, 'observed') };
}

// Hundreds of each are planted by bench/explain-soak.ts. Three changes take from 2 to 20 s; these are among the quick ones.
for (const { changes, seed, scenes, each } of [
  { changes: 1, seed: 1, scenes: 2, each: 8 },
  { changes: 2, seed: 2, scenes: 1, each: 2 },
  { changes: 3, seed: 13, scenes: 1, each: 1 },
]) {
  test(`${changes} inputs changed by chance are named, and nothing else with as few changes`, async () => {
    const dice = new Dice(seed);
    for (let number = 0; number < scenes; number += 1) {
      const scene = sceneOf(dice, SMALL_IMAGES);
      const search = new BlockSearch(scene.known);
      for (let planted = 0; planted < each; planted += 1) {
        const { launch, inputs } = plant(scene, changes, dice);
        const { explanations, result } = await explained(search, scene, predict(launch).launchDigest);
        const [first] = explanations;
        expect(first?.changes.length, inputs.join()).toBe(changes);
        expect(
          first?.changes.filter(({ input }) => !inputs.includes(input)),
          inputs.join(),
        ).toEqual([]);
        expect(result.exhausted).toBe(true);
      }
    }
  });
}

test('a digest that nothing gives is not explained, and what was tried adds up', async () => {
  const scene = sceneOf(new Dice(7), SMALL_IMAGES);
  const search = new BlockSearch(scene.known);
  let calls = 0;
  const run = runHere(search.aim(new Uint8Array(48).fill(9)), () => Promise.resolve());
  const now = (): number => {
    calls += 1;
    return calls;
  };
  const result = await searchHypotheses(search, { now, deadline: 60, run });
  expect(result.hits).toEqual([]);
  expect(result.exhausted).toBe(false);
  expect(result.tried).toBeGreaterThan(1000);
  expect(result.searched.reduce((sum, { tried }) => sum + tried, 0)).toBe(result.tried);
  expect(
    result.searched.filter(({ changes, wide }) => changes === 1 && !wide).every(({ tried, size }) => tried === size),
  ).toBe(true);
});

test('a search made anew of the same launch has the same units, so that workers need their numbers only', () => {
  const { known } = sceneOf(new Dice(5), SMALL_IMAGES);
  const [one, other] = [new BlockSearch(known), new BlockSearch(structuredClone(known))];
  expect(other.units).toEqual(one.units);
});

/** A search that finds a pair, which a single change that was not searched is as well. */
class PairFirst extends BlockSearch {
  readonly single = this.blocks.findIndex((block) => stageOf(block) === 'rest' && block.changes === 1);

  override run(unit: Unit) {
    const block = this.blocks[unit.block];
    const pair = { options: [this.option, this.option], vcpus: null };
    return { tried: 0, hits: block?.changes === 2 ? [pair] : [] };
  }

  override sameLaunch(index: number) {
    return index === this.single ? [{ options: [this.option], vcpus: null }] : [];
  }

  get option() {
    const option = this.blocks[this.single]?.vmsa[0]?.options.at(0);
    if (option === undefined) throw new Error('no signature is far from usual');
    return option;
  }
}

test('a pair that is one change as well, which waited to be searched, is told as that change', async () => {
  const search = new PairFirst(sceneOf(new Dice(5), SMALL_IMAGES).known);
  const run = runHere(search, () => Promise.resolve());
  const { hits } = await searchHypotheses(search, { now: () => 0, deadline: 1, run });
  expect(hits.map(({ options }) => options.length)).toEqual([1]);
});

test('a signature of no processor and a mistyped character are found before pairs are begun', async () => {
  const scene = sceneOf(new Dice(5), SMALL_IMAGES);
  const { launch } = scene.known;
  const { kernelHashes } = launch;
  const search = new BlockSearch(scene.known);
  const typed = scene.append.replace('console', 'confole');
  const measured = [
    { ...launch, vcpuSignature: 0x00a7_0f63 },
    { ...launch, kernelHashes: kernelHashes && { ...kernelHashes, cmdline: cmdlineHashOf(typed) } },
  ];
  for (const changed of measured) {
    const { result, explanations } = await explained(search, scene, predict(changed).launchDigest);
    expect(explanations.map(({ changes }) => changes.length)).toEqual([1]);
    expect(result.searched.filter(({ changes, tried }) => changes > 1 && tried > 0)).toEqual([]);
  }
});

test('what a search would name and does not reproduce the digest is not named', async () => {
  const scene = sceneOf(new Dice(3), SMALL_IMAGES);
  const search = new BlockSearch(scene.known);
  const { launch } = plant(scene, 1, new Dice(4));
  const target = predict(launch).launchDigest;
  const { result } = await explained(search, scene, target);
  const other = new Uint8Array(target).fill(1, 0, 1);
  expect(explanationsOf(search, scene.known, result.hits, target, 'observed').length).toBe(1);
  expect(explanationsOf(search, scene.known, result.hits, other, 'observed')).toEqual([]);
});
