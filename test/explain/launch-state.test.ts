import { baseState } from '../../lib/explain/launch-state.ts';
import { NO_INITRD } from '../../lib/measure/kernel-hashes.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(1), SMALL_IMAGES);

test('a launch without kernel hashes keeps those of its files, which a host may have measured all the same', () => {
  const { launch, kernel, initrd } = known;
  const off = { ...known, launch: { ...launch, kernelHashes: null } };
  const state = baseState(off);
  expect([state.hashesMeasured, baseState(known).hashesMeasured]).toEqual([false, true]);
  expect([state.kernelHash, state.initrdHash]).toEqual([kernel?.sha256, initrd?.sha256]);
  expect(state.cmdlineHash).toEqual(launch.kernelHashes?.cmdline);
  const bare = baseState({ ...off, kernel: null, initrd: null, append: null });
  expect([bare.kernelHash, bare.initrdHash]).toEqual([new Uint8Array(32), NO_INITRD]);
});
