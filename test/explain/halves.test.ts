import { HALF_BYTES } from '../../lib/explain/chain-walker.ts';
import { Vmsas } from '../../lib/explain/halves.ts';
import { baseState } from '../../lib/explain/launch-state.ts';
import { PageHasher } from '../../lib/explain/page-hasher.ts';
import { VMM_PROFILES } from '../../lib/measure/vmm-profiles.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

test('a processor that cannot hash two pages at once makes the same second halves of every profile', () => {
  const { known } = sceneOf(new Dice(1), SMALL_IMAGES);
  const base = baseState(known);
  const [together, alone] = [new Vmsas(new PageHasher()), new Vmsas(null)];
  const made = VMM_PROFILES.map((profile, index) => {
    const state = {
      ...base,
      profile,
      features: BigInt(2 * index + 1),
      signature: index * 0x10001,
      vmsaGpa: BigInt(index) << 12n,
    };
    const halves = [together, alone].map((vmsas) => {
      const half = Buffer.alloc(HALF_BYTES, 0xee);
      return { possible: vmsas.write(state, half), half };
    });
    expect(halves[1], profile.name).toEqual(halves[0]);
    return halves[0]?.half.toString('hex');
  });
  expect(new Set(made).size).toBe(VMM_PROFILES.length);
});

test('a launch whose signature is not known has a second half only where none is measured', () => {
  const { known } = sceneOf(new Dice(1), SMALL_IMAGES);
  const vmsas = new Vmsas(null);
  for (const profile of VMM_PROFILES) {
    const state = { ...baseState(known), profile, signature: null };
    expect(vmsas.write(state, Buffer.alloc(HALF_BYTES)), profile.name).toBe(profile.rdx !== 'signature');
  }
});
