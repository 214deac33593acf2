import { HarnessError } from '../../lib/errors.ts';
import { BlockSearch, combinationsOf, stateOfHit } from '../../lib/explain/block-search.ts';
import type { Block } from '../../lib/explain/blocks.ts';
import { bestHypotheses } from '../../lib/explain/hypotheses.ts';
import { digestOfState } from '../../lib/explain/reproduce.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(11), SMALL_IMAGES);
const search = new BlockSearch({ ...known, launch: { ...known.launch, vcpus: 2 } });

const nameOf = ({ trunk, vmsa, profile, countFree }: Block): string =>
  [profile?.change.to ?? '', ...[...trunk, ...vmsa].map(({ name }) => name), countFree ? 'counts' : '']
    .filter(Boolean)
    .join(' ');

function blockOf(name: string): number {
  const found = search.blocks.findIndex((block) => nameOf(block) === name);
  if (found < 0) throw new Error(`no block ${name}`);
  return found;
}

test('a unit finds what is in its own ranges, and nothing beside them', () => {
  const index = blockOf('initrd core features core');
  const all = combinationsOf(search, index);
  const trunks = search.blocks[index]?.trunk[0]?.options.length ?? 0;
  const [trunk, vmsa] = [1, 5];
  const planted = all[trunk + trunks * vmsa]?.hit;
  if (planted === undefined) throw new Error('nothing to plant');
  search.aim(digestOfState(stateOfHit(search.base, planted)));
  const found = (from: number, low: number): number =>
    search.run({ block: index, trunk: [from, from + 1], vmsa: [low, low + 1] }).hits.length;
  expect(found(trunk, vmsa)).toBe(1);
  expect(search.run({ block: index, trunk: [0, trunks], vmsa: [0, 10] }).hits.map(({ vcpus }) => vcpus)).toEqual([
    null,
  ]);
  expect([found(trunk - 1, vmsa), found(trunk + 1, vmsa), found(trunk, vmsa - 1), found(trunk, vmsa + 1)]).toEqual([
    0, 0, 0, 0,
  ]);
  expect(search.run({ block: index, trunk: [0, 2], vmsa: [3, 6] }).tried).toBe(6);
  expect(search.run({ block: blockOf('features core counts'), trunk: [0, 1], vmsa: [3, 6] }).tried).toBe(3 * 512);
});

test('units cut every block into ranges that meet and do not overlap', () => {
  const sizes = new Map<number, number>();
  for (const { block, trunk, vmsa } of search.units) {
    const counts = search.blocks[block]?.countFree ? 512 : 1;
    sizes.set(block, (sizes.get(block) ?? 0) + (trunk[1] - trunk[0]) * (vmsa[1] - vmsa[0]) * counts);
  }
  expect(search.blocks.map(({ size }) => size)).toEqual(search.blocks.map((_, index) => sizes.get(index)));
});

// Every hypothesis measured from its beginning, against what is told by comparing halves.
for (const name of [
  'features core',
  'registers core',
  'layout core',
  'initrd core cmdline top',
  'gce registers core',
  'firmware core features top',
  'kernelHashes top',
  'features top address core',
]) {
  test(`all that is one launch is told by halves: ${name}`, () => {
    const index = blockOf(name);
    const launches = combinationsOf(search, index).flatMap(({ hit }) => {
      try {
        return [{ hit, digest: Buffer.from(digestOfState(stateOfHit(search.base, hit))).toString('hex') }];
      } catch (error) {
        if (error instanceof HarnessError) return [];
        throw error;
      }
    });
    for (const { hit, digest } of launches.filter((_, at) => at % 7 === 0)) {
      const same = search.sameLaunch(index, stateOfHit(search.base, hit));
      const keys = (hits: readonly { options: typeof hit.options }[]): string[] =>
        hits.map(({ options }) => options.map(({ change }) => `${change.input} ${change.to}`).join(', ')).sort();
      expect(keys(same)).toEqual(keys(launches.filter((one) => one.digest === digest).map((one) => one.hit)));
    }
    const other = { ...search.base, vcpus: 3 };
    expect(search.sameLaunch(index, other)).toEqual([]);
  });
}

test('every count of a launch is told by halves, none and one as well', () => {
  const index = blockOf('features top counts');
  for (const vcpus of [1, 7, 512]) {
    const found = { ...search.base, features: 0x21n, vcpus };
    expect(search.sameLaunch(index, found).map((hit) => hit.vcpus)).toEqual([vcpus]);
  }
  expect(search.sameLaunch(blockOf('counts'), { ...search.base, vcpus: 0 }).map((hit) => hit.vcpus)).toEqual([0]);
  expect(search.sameLaunch(index, { ...search.base, vcpus: 0 })).toEqual([]);
});

test('the best hypotheses are each a launch of its own, as many as asked, single changes that are most usual first', () => {
  const best = bestHypotheses(search, 40);
  expect(new Set(best.map(({ digest }) => Buffer.from(digest).toString('hex'))).size).toBe(40);
  expect(best[0]?.hit.options.map(({ likelihood }) => likelihood)).toEqual(['top']);
  const weights = best.map(({ hit }) => hit.options.length);
  expect(weights.slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(Math.max(...weights)).toBeLessThanOrEqual(2);
  expect(best.every(({ hit }) => hit.vcpus === null)).toBe(true);
  for (const { hit, digest } of best) expect(digestOfState(stateOfHit(search.base, hit))).toEqual(digest);
});
