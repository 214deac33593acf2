import { featureOptions } from '../../lib/explain/features.ts';
import { baseState } from '../../lib/explain/launch-state.ts';
import { LIKELIHOODS } from '../../lib/explain/option.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const base = baseState(sceneOf(new Dice(1), SMALL_IMAGES).known);

/** How usual features are thought to be, and why they differ; undefined: they are not thought of. */
function thought(from: bigint, to: bigint): { likelihood: string; cause: string } | undefined {
  const options = featureOptions({ ...base, features: from }).filter(({ set }) => set.features === to);
  const [best] = options.sort((left, right) => LIKELIHOODS[right.likelihood] - LIKELIHOODS[left.likelihood]);
  return best && { likelihood: best.likelihood, cause: best.cause };
}

test('features that hosts are known to have measured are thought of by how usual they are', () => {
  expect(thought(0x1n, 0x21n)).toEqual({ likelihood: 'top', cause: 'debug-swap' });
  expect(thought(0x21n, 0x1n)).toEqual({ likelihood: 'top', cause: 'debug-swap' });
  expect(thought(0x1n, 0x201n)).toEqual({ likelihood: 'top', cause: 'secure-tsc' });
  expect(thought(0x1n, 0x221n)).toEqual({ likelihood: 'core', cause: 'guest-features' });
  expect(thought(0x1n, 0x9n)).toEqual({ likelihood: 'core', cause: 'injection' });
  expect(thought(0x1n, 0x11n)).toEqual({ likelihood: 'core', cause: 'injection' });
  expect(thought(0x1n, 0x19n)?.cause).toBe('injection');
  for (const core of [0x29n, 0x31n, 0xdn, 0x15n, 0x4001n, 0x20_0001n, 0x1_0001n]) {
    expect(thought(0x1n, core)?.likelihood, core.toString(16)).toBe('core');
  }
});

test('every bit but that of SNP itself is thought of in threes, every two of them by themselves', () => {
  for (const from of [0x1n, 0x21n]) {
    for (let bit = 1n; bit < 64n; bit += 1n) {
      expect(['top', 'core'], `bit ${bit}`).toContain(thought(from, from ^ (1n << bit))?.likelihood);
    }
    expect(thought(from, from ^ 1n)).toBeUndefined();
    expect(thought(from, from ^ (1n << 63n) ^ (1n << 40n))?.likelihood).toBe('wide');
    expect(thought(from, from)).toBeUndefined();
  }
});

test('bits that are set together in practice are thought of in twos in pairs, in every set by themselves', () => {
  const together = [1n, 2n, 3n, 4n, 5n, 9n, 14n, 21n].map((bit) => 1n << bit);
  const sum = (...bits: readonly (bigint | undefined)[]): bigint =>
    bits.reduce<bigint>((all, bit) => all | (bit ?? 0n), 1n);
  for (const [index, one] of together.entries()) {
    for (const other of together.slice(index + 1)) {
      expect(['top', 'core', 'usual'], `${one | other}`).toContain(thought(1n, sum(one, other))?.likelihood);
    }
  }
  expect(thought(1n, sum(...together))?.likelihood).toBe('wide');
  expect(thought(1n, sum(...together.slice(2, 6)))?.likelihood).toBe('wide');
});
