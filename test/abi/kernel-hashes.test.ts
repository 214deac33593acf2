import { KERNEL_HASHES_TABLE, kernelHashesTable } from '../../lib/abi/kernel-hashes.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

test('the table of kernel hashes covers 176 bytes without gap or overlap', () => {
  expectSoundLayout(KERNEL_HASHES_TABLE, 176);
});

// Source: QEMU, target/i386/sev.c, sev_add_kernel_loader_hashes: GUIDs and lengths written out by hand.
test('the table names command line, initrd and kernel in this order', () => {
  const filled = (byte: number) => new Uint8Array(32).fill(byte);
  const table = kernelHashesTable({ kernel: filled(0xcc), initrd: filled(0xbb), cmdline: filled(0xaa) });
  const expected = [
    '06d63894224fc94cb479a793d411fd21a800',
    `d82dd09720bd944caa78e7714d36ab2a3200${'aa'.repeat(32)}`,
    `31f7ba442f3ad74b9af141e29169781d3200${'bb'.repeat(32)}`,
    `3794e74dd2ab7f42b835d5b172d2045b3200${'cc'.repeat(32)}`,
    '00'.repeat(8),
  ];
  expect(Buffer.from(table).toString('hex')).toBe(expected.join(''));
});

test('a hash that is not 32 bytes is refused', () => {
  const hash = new Uint8Array(32);
  expect(() => kernelHashesTable({ kernel: hash, initrd: hash, cmdline: new Uint8Array(31) })).toThrow(
    'LAYOUT_VALUE: kernel hashes table.cmdline.sha256: expected 32 bytes, got 31',
  );
});
