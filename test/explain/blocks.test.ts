import { BlockSearch } from '../../lib/explain/block-search.ts';
import { stageOf } from '../../lib/explain/blocks.ts';
import { type LIKELIHOODS, PRIOR } from '../../lib/explain/option.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { blocks } = new BlockSearch(sceneOf(new Dice(11), SMALL_IMAGES).known);

test('within a stage blocks are sorted by what they hold over what they cost, and no stage begins before an earlier one', () => {
  const order = blocks.map((block) => ({ stage: stageOf(block), worth: block.prior / block.cost }));
  const sorted = [...order].sort((left, right) => left.stage - right.stage || right.worth - left.worth);
  expect(order).toEqual(sorted);
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
