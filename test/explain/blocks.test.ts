import { BlockSearch } from '../../lib/explain/block-search.ts';
import { STAGES, stageOf } from '../../lib/explain/blocks.ts';
import { type LIKELIHOODS, PRIOR } from '../../lib/explain/option.ts';
import { unitsByStage } from '../../lib/explain/search.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { blocks } = new BlockSearch(sceneOf(new Dice(11), SMALL_IMAGES).known);

test('within a stage blocks are sorted by what they hold over what they cost, and no stage begins before an earlier one', () => {
  const order = blocks.map((block) => {
    const stage = stageOf(block);
    const worth = stage === 'wide singles' ? 1 / block.cost : block.prior / block.cost;
    return { stage: STAGES.indexOf(stage), worth };
  });
  const sorted = [...order].sort((left, right) => left.stage - right.stage || right.worth - left.worth);
  expect(order).toEqual(sorted);
});

test('all single changes are searched before any two at once, but for the million of signatures that no guest has', () => {
  const firstPair = blocks.findIndex(({ changes }) => changes > 1);
  const late = blocks.slice(firstPair).filter(({ changes }) => changes === 1);
  expect(late.flatMap(({ vmsa }) => vmsa.map(({ name }) => name))).toEqual(['signature far']);
  const wide = blocks.slice(0, firstPair).filter((block) => stageOf(block) === 'wide singles');
  expect(wide.flatMap(({ trunk, vmsa }) => [...trunk, ...vmsa].map(({ name }) => name))).toEqual([
    'features wide',
    'cmdline wide',
    'signature wide',
  ]);
});

test('where single changes cost as much as pairs, with hundreds of vCPUs, the last of them wait for the pairs', () => {
  const { known } = sceneOf(new Dice(11), SMALL_IMAGES);
  const search = new BlockSearch({ ...known, launch: { ...known.launch, vcpus: 512 } });
  const stages = unitsByStage(search);
  expect(stages.flat().toSorted((left, right) => left - right)).toEqual(search.units.map((_, unit) => unit));
  const kinds = stages.map((units) => {
    const found = units.map((unit) => search.blocks[search.units[unit]?.block ?? 0]);
    return found.map((block) => (block === undefined ? '' : stageOf(block)));
  });
  expect(kinds[1]?.length).toBeGreaterThan(0);
  expect(new Set(kinds[1])).toEqual(new Set(['wide singles']));
  expect(kinds[2]?.at(0)).toBe('usual pairs');
  expect(kinds[2]?.at(-1)).toBe('wide singles');
  expect(unitsByStage(new BlockSearch(known)).map((units) => units.length).length).toBe(STAGES.length);
});

test('usual causes in threes are searched before what is far from usual in twos', () => {
  const at = (wanted: (block: (typeof blocks)[number]) => boolean): number => blocks.findIndex(wanted);
  const names = ({ trunk, vmsa }: (typeof blocks)[number]): string =>
    [...trunk, ...vmsa].map(({ name }) => name).join();
  const usualThree = at(
    (block) => block.changes === 3 && block.countFree && names(block) === 'features top,signature core',
  );
  const farTwo = at((block) => block.changes === 2 && block.countFree && names(block) === 'signature wide');
  expect(usualThree).toBeGreaterThan(-1);
  expect(farTwo).toBeGreaterThan(usualThree);
});

test('every axis of a block has options of one likelihood, and weighs what they weigh together', () => {
  const axes = new Set(blocks.flatMap(({ trunk, vmsa }) => [...trunk, ...vmsa]));
  const odd = [...axes].filter(({ name, options, prior }) => {
    const likelihood = name.split(' ')[1] as keyof typeof LIKELIHOODS;
    const isOne = options.at(0)?.likelihood === likelihood;
    return !isOne || Math.abs(prior - options.length * PRIOR[likelihood]) > 1e-12;
  });
  expect(axes.size).toBeGreaterThan(10);
  expect(odd.map(({ name }) => name)).toEqual([]);
});
