import { headerVariants } from '../../lib/explain/kernel-header.ts';
import { expect, test } from '../support/test.ts';
import { FILLED_IN, kernelImage } from './made-files.ts';

const changed = (image: Uint8Array, header: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(image);
  copy.set(header, 0x1f1);
  return copy;
};

test('a kernel as QEMU fills it in is among the variants of the file, and the file among those of the filled in', () => {
  const [file, filled] = [kernelImage('k'), kernelImage('k', FILLED_IN)];
  const ofFile = headerVariants(file, null);
  expect(ofFile.some(({ header }) => Buffer.compare(changed(file, header), filled) === 0)).toBe(true);
  const ofFilled = headerVariants(filled, null).filter(({ origin }) => origin === 'header-cleared');
  // The flag that a heap may be used says nothing that a file would not say.
  const cleared = kernelImage('k', { loadFlags: 0x01 });
  expect(ofFilled.some(({ header }) => Buffer.compare(changed(filled, header), cleared) === 0)).toBe(true);
});

test('with an initrd, its place is where QEMU puts it in machines of usual sizes', () => {
  const image = kernelImage('k');
  const initrdBytes = 5_000_000;
  // 512 MiB, less ACPI tables, one byte, and the initrd, on a page. Source: QEMU, hw/i386/x86-common.c.
  const ramdiskImage = (0x2000_0000 - 0x28000 - 1 - initrdBytes) & ~0xfff;
  const wanted = kernelImage('k', { ...FILLED_IN, ramdiskImage, ramdiskSize: initrdBytes });
  const found = headerVariants(image, initrdBytes).some(
    ({ header }) => Buffer.compare(changed(image, header), wanted) === 0,
  );
  expect(found).toBe(true);
});

test('what is no kernel with a setup header has no variants, however short', () => {
  for (const bytes of [0, 100, 0x1f1, 0x22f, 4096]) expect(headerVariants(new Uint8Array(bytes), null)).toEqual([]);
});
