import type { Layout } from '../../lib/abi/layout.ts';
import {
  OVMF_TABLE_ENTRY,
  SEV_ES_RESET_BLOCK,
  SEV_HASHES_AREA,
  SEV_METADATA_HEADER,
  SEV_METADATA_OFFSET,
  SEV_METADATA_SECTION,
} from '../../lib/abi/ovmf.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { test } from '../support/test.ts';

const SIZES: readonly (readonly [string, Layout, number])[] = [
  ['OVMF_TABLE_ENTRY', OVMF_TABLE_ENTRY, 18],
  ['SEV_ES_RESET_BLOCK', SEV_ES_RESET_BLOCK, 4],
  ['SEV_HASHES_AREA', SEV_HASHES_AREA, 8],
  ['SEV_METADATA_OFFSET', SEV_METADATA_OFFSET, 4],
  ['SEV_METADATA_HEADER', SEV_METADATA_HEADER, 16],
  ['SEV_METADATA_SECTION', SEV_METADATA_SECTION, 12],
];

for (const [name, layout, bytes] of SIZES) {
  test(`${name} covers ${bytes} bytes without gap or overlap`, () => {
    expectSoundLayout(layout, bytes);
  });
}
