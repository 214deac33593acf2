import { renamedDigests } from '../../lib/cli/bisect-reference.ts';
import type { Cell } from '../../lib/matrix/cell.ts';
import { expect, test } from '../support/test.ts';

const cell = (firmware: string, vcpus: number): Cell => ({
  id: `${firmware}/${vcpus}-vcpu`,
  firmware,
  kernel: null,
  initrd: null,
  append: null,
  guestPolicy: 0x30000n,
  guestFeatures: 0x1n,
  vcpus,
  vcpuType: 'EPYC-v4',
  qemu: 'default',
});

test('digests published for one build are asked of the same cells of another, and strangers stay strangers', () => {
  const published = { 'qemu-init2': { 'old/1-vcpu': 'd1', 'old/4-vcpu': 'd4', 'gone/1-vcpu': 'd0' } };
  const [from, to] = ['old', 'new'].map((name) => [cell(name, 1), cell(name, 4)]);
  expect(renamedDigests(published, from ?? [], to ?? [], 'firmware')).toEqual({
    'qemu-init2': { 'new/1-vcpu': 'd1', 'new/4-vcpu': 'd4', 'gone/1-vcpu': 'd0' },
  });
});
