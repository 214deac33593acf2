import { ELF64_HEADER, ELF64_PROGRAM_HEADER, ELF64_SECTION_HEADER } from '../../lib/abi/elf.ts';
import type { Layout } from '../../lib/abi/layout.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { test } from '../support/test.ts';

const SIZES: readonly (readonly [string, Layout, number])[] = [
  ['ELF64_HEADER', ELF64_HEADER, 64],
  ['ELF64_PROGRAM_HEADER', ELF64_PROGRAM_HEADER, 56],
  ['ELF64_SECTION_HEADER', ELF64_SECTION_HEADER, 64],
];

for (const [name, layout, bytes] of SIZES) {
  test(`${name} covers ${bytes} bytes without gap or overlap`, () => {
    expectSoundLayout(layout, bytes);
  });
}
