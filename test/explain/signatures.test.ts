import { signatureOptions } from '../../lib/explain/signatures.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(11), SMALL_IMAGES);

// Source: AMD's revision guides of the families; CPUID Fn0000_0001_EAX.
for (const [processor, signature] of [
  ['Naples', 0x800f12],
  ['Rome', 0x830f10],
  ['Milan', 0xa00f11],
  ['Genoa', 0xa10f11],
  ['Bergamo', 0xaa0f02],
  ['Turin', 0xb00f21],
  ['Turin Dense', 0xb10f10],
] as const) {
  test(`the signature of ${processor} is among the first that are searched`, () => {
    const found = signatureOptions(known).filter(({ set }) => set.signature === signature);
    expect(found.map(({ likelihood }) => likelihood)).toContain('core');
  });
}
