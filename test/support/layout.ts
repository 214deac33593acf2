import { type Layout, sizeOf } from '../../lib/abi/layout.ts';
import { expect } from './test.ts';

/**
 * The claim every binary layout must meet: rows sorted, no gap, no overlap, unique names, integer rows of the right
 * width, and a sum of exactly the documented size.
 * @param bytes the size of the whole structure as its specification gives it
 */
export function expectSoundLayout(layout: Layout, bytes: number): void {
  const widths: Record<string, number> = { u8: 1, u16le: 2, u32le: 4, u64le: 8 };
  let end = 0;
  for (const field of layout) {
    expect(field.at, `${field.name} starts where the row before it ends`).toBe(end);
    expect(field.bytes, `${field.name} has a length`).toBeGreaterThan(0);
    expect(field.bytes, `${field.name} is as wide as its type`).toBe(widths[field.type] ?? field.bytes);
    end += field.bytes;
  }
  expect(sizeOf(layout), 'the last row ends at the size of the structure').toBe(bytes);
  expect(end, 'the lengths add up to the size of the structure').toBe(bytes);
  const names = layout.map((field) => field.name);
  expect(new Set(names).size, 'names are unique').toBe(names.length);
}
