import { derSmallInteger } from '../../lib/attestation/der.ts';
import { expect, test } from '../support/test.ts';

// Source: ITU-T X.690, 8.3: two's complement in the fewest bytes.
test('a small integer is one of 0 to 65535 in its one form; a negative one, a longer form and more are none', () => {
  const of = (...bytes: number[]) => derSmallInteger(Uint8Array.of(...bytes));
  expect([of(2, 1, 0), of(2, 1, 0x7f), of(2, 2, 0, 0x80), of(2, 3, 0, 0xff, 0xff)]).toEqual([0, 127, 128, 65_535]);
  for (const bytes of [
    [2, 1, 0x80],
    [2, 1, 0xff],
    [2, 2, 0, 0x7f],
    [2, 3, 1, 0, 0],
    [2, 0],
    [4, 1, 1],
    [2, 1, 1, 0],
  ]) {
    expect(of(...bytes), bytes.join(' ')).toBeUndefined();
  }
});
