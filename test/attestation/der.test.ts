import { derElement, derElements, derSmallInteger } from '../../lib/attestation/der.ts';
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
    [2, 4, 0, 0, 0, 1],
  ]) {
    expect(of(...bytes), bytes.join(' ')).toBeUndefined();
  }
});

// Source: ITU-T X.690, 10.1: the definite form of length, in the fewest bytes.
const LENGTHS: readonly (readonly [length: number, header: readonly number[]])[] = [
  [0, [0]],
  [127, [127]],
  [128, [0x81, 128]],
  [255, [0x81, 255]],
  [256, [0x82, 1, 0]],
  [65_535, [0x82, 0xff, 0xff]],
  [65_536, [0x83, 1, 0, 0]],
];

for (const [length, header] of LENGTHS) {
  test(`an element of ${length} bytes has one form of length, and ends where that says`, () => {
    const contents = Buffer.alloc(length, 0x5a);
    const whole = Buffer.concat([Buffer.of(4, ...header), contents]);
    const before = Buffer.of(0xee, 0xee, 0xee);
    const element = derElement(Buffer.concat([before, whole, before]), before.length);
    expect(element?.end).toBe(before.length + whole.length);
    expect([element?.tag, element?.contents.length, element?.whole.length]).toEqual([4, length, whole.length]);
    expect(derElement(whole.subarray(0, whole.length - 1))).toBeUndefined();
    expect(derElements(Buffer.concat([whole, whole]))?.map(({ end }) => end)).toEqual([whole.length, 2 * whole.length]);
    expect(derElements(Buffer.concat([whole, Buffer.of(4)]))).toBeUndefined();
    const bytes = header.length === 1 ? [length] : header.slice(1);
    const longer = Buffer.concat([
      Buffer.of(4, 0x80 + bytes.length + (header.length === 1 ? 0 : 1), ...(header.length === 1 ? [] : [0]), ...bytes),
      contents,
    ]);
    expect(derElement(longer)).toBeUndefined();
  });
}

test('a length without an end, and one of more than four bytes, is none', () => {
  expect(derElement(Uint8Array.of(4, 0x80, 0, 0))).toBeUndefined();
  expect(derElement(Uint8Array.of(4, 0x85, 0, 0, 0, 0, 1, 9))).toBeUndefined();
  expect(derElement(Uint8Array.of(4, 0x82, 1))).toBeUndefined();
  expect(derElement(Uint8Array.of(4))).toBeUndefined();
});
