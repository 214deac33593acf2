import type { Cell } from '../../lib/matrix/cell.ts';
import { planCells } from '../../lib/matrix/cells.ts';
import { representatives } from '../../lib/runner/representatives.ts';
import { matrix } from '../matrix/matrices.ts';
import { expect, test } from '../support/test.ts';

const cellsOf = (axes: Record<string, unknown>): Cell[] =>
  planCells(matrix(axes), [], 'matrix.json').map(({ cell }) => cell);

test('one cell stands for each firmware and QEMU build', () => {
  const chosen = representatives(cellsOf({ firmware: ['amdsev', 'other'], qemu: ['default', 'next'], vcpus: [1, 2] }));
  expect(chosen.map(({ firmware, qemu }) => [firmware, qemu]).sort()).toEqual([
    ['amdsev', 'default'],
    ['amdsev', 'next'],
    ['other', 'default'],
    ['other', 'next'],
  ]);
});

test('it is the one with the usual policy, then with a kernel, then with the fewest vCPUs, then the first', () => {
  const axes = {
    kernel: [null, 'stable'],
    guestPolicy: ['0xb0000', '0x30000'],
    vcpus: [4, 2],
    vcpuType: ['EPYC-v4', 'EPYC-Milan'],
  };
  const [chosen] = representatives(cellsOf(axes));
  expect(chosen).toMatchObject({ guestPolicy: 0x30000n, kernel: 'stable', vcpus: 2, vcpuType: 'EPYC-v4' });
});

test('without the usual policy or a kernel there is one all the same', () => {
  const [chosen] = representatives(cellsOf({ guestPolicy: ['0xb0000'], vcpus: [8, 4] }));
  expect(chosen).toMatchObject({ guestPolicy: 0xb0000n, kernel: null, vcpus: 4 });
  expect(representatives([])).toEqual([]);
});
