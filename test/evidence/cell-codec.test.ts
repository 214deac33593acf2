import fc from 'fast-check';
import { readCell, writeCell } from '../../lib/evidence/cell-codec.ts';
import { cellSchema } from '../../lib/evidence/schema.ts';
import type { Cell } from '../../lib/matrix/cell.ts';
import { expect, test } from '../support/test.ts';

const CELL: Cell = {
  id: 'amdsev/stable/policy-0x30000/features-0x1/4-vcpu/EPYC-v4',
  firmware: 'amdsev',
  kernel: 'stable',
  initrd: null,
  append: 'console=ttyS0',
  guestPolicy: 0x30000n,
  guestFeatures: 0x1n,
  vcpus: 4,
  vcpuType: 'EPYC-v4',
  qemu: 'default',
};

test('a cell is written with its numbers as hex, and read back as it was', () => {
  expect(writeCell(CELL)).toMatchObject({ guestPolicy: '0x30000', guestFeatures: '0x1' });
  const number = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  fc.assert(
    fc.property(number, number, fc.option(fc.string()), (guestPolicy, guestFeatures, append) => {
      const cell = { ...CELL, guestPolicy, guestFeatures, append };
      const written: unknown = JSON.parse(JSON.stringify(writeCell(cell)));
      expect(readCell(cellSchema.parse(written))).toEqual(cell);
    }),
  );
});

test('an id that would write on a terminal, or is blank, is no id', () => {
  const accepts = (id: string): boolean => cellSchema.safeParse({ ...writeCell(CELL), id }).success;
  expect(accepts(CELL.id)).toBe(true);
  for (const id of ['', ' ', 'a b', 'a\nb', '\u001b[2J', 'a\u202eb', 'é', 'x'.repeat(401)])
    expect(accepts(id), JSON.stringify(id)).toBe(false);
});
