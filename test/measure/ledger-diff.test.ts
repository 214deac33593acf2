import fc from 'fast-check';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { LaunchInputs, LedgerEntry } from '../../lib/measure/inputs.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { firstDifference } from '../../lib/measure/ledger-diff.ts';
import { ledger } from '../../lib/measure/predict.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { AMDSEV_SECTIONS, firmwareImage } from '../support/firmware-image.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage({ bytes: 5 * 4096 });
const INPUTS: LaunchInputs = {
  firmware: describeFirmware(IMAGE),
  kernelHashes: null,
  vcpus: 3,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('qemu-init2'),
};
const HASHES = kernelHashesOf({ kernel: Buffer.from('kernel'), initrd: null, append: null });

const rowsOf = (changes: Partial<LaunchInputs> = {}, image?: Uint8Array): LedgerEntry[] =>
  ledger({ ...INPUTS, ...changes }, changes.firmware === undefined ? (image ?? IMAGE) : image);

const rowsOfImage = (image: Uint8Array): LedgerEntry[] =>
  ledger({ ...INPUTS, firmware: describeFirmware(image) }, image);

/** What is said of a difference, in short. */
function said(left: readonly LedgerEntry[], right: readonly LedgerEntry[]): string | null {
  const found = firstDifference(left, right);
  if (found === null) return null;
  const { kind, pagesBefore, fields, rows, further } = found;
  const row = found.left ?? found.right;
  return [
    rows === 0 ? kind : `${kind} ${rows}`,
    pagesBefore,
    row?.what,
    fields.join('+'),
    further.map(({ what }) => what).join(','),
  ].join(' | ');
}

test('a launch does not differ from itself, with the image as pages or as one row', () => {
  expect(said(rowsOf(), rowsOf())).toBeNull();
  expect(said(rowsOf(), ledger(INPUTS))).toBeNull();
  expect(said(ledger({ ...INPUTS, firmware: { ...INPUTS.firmware, sizeBytes: null } }), rowsOf())).toBeNull();
});

test('the first page that differs is named, with what of it differs and what differs after it', () => {
  const gpaMoved = AMDSEV_SECTIONS.map(([gpa, size, type]) => [gpa, size, type === 4 ? 1 : type] as const);
  const otherReset = { ...INPUTS.firmware, resetVector: 0x0080c004 };
  const cases: readonly (readonly [LedgerEntry[], string])[] = [
    [rowsOf({ guestFeatures: 0x21n }), 'changed | 36 | vCPU 0 | contents | vCPU 1,vCPU 2'],
    [rowsOf({ firmware: otherReset }, IMAGE), 'changed | 37 | vCPU 1 | contents | vCPU 2'],
    [rowsOf({ vcpus: 4 }), 'only-right 1 | 39 | vCPU 3 |  | '],
    [rowsOf({ vcpus: 1 }), 'only-left 2 | 37 | vCPU 1 |  | '],
    [rowsOf({ kernelHashes: HASHES }), 'changed | 35 | KERNEL_HASHES | pageType+contents | '],
    [rowsOf({ profile: { ...INPUTS.profile, vmsaAddressBits: 52 } }), 'changed | 36 | vCPU 0 | gpa | vCPU 1,vCPU 2'],
    [
      rowsOf({ kernelHashes: HASHES, profile: vmmProfileOf('qemu-hashes-first') }),
      'only-right 1 | 5 | KERNEL_HASHES |  | KERNEL_HASHES,vCPU 0,vCPU 1,vCPU 2',
    ],
  ];
  for (const [right, expected] of cases) expect(said(rowsOf(), right)).toBe(expected);
  expect(said(rowsOfImage(firmwareImage({ bytes: 5 * 4096, sections: gpaMoved })), rowsOf())).toMatch(
    /^changed \| 4 \| firmware image \| contents \| /,
  );
});

test('a page that one launch has in the middle is found, and the pages after it differ in nothing else', () => {
  const rows = rowsOf();
  const without = ledger(
    { ...INPUTS, firmware: { ...INPUTS.firmware, sections: INPUTS.firmware.sections.slice(1) } },
    IMAGE,
  );
  expect(said(rows, without)).toMatch(/^only-left 9 \| 5 \| SEC_MEM \| {2}\| $/);
  expect(said(without, rows)).toMatch(/^only-right 9 \| 5 \| SEC_MEM \| {2}\| $/);
});

test('a page that only moved is told as moved, and one that only one launch has is not', () => {
  const [qemu, first] = [
    rowsOf({ kernelHashes: HASHES }),
    rowsOf({ kernelHashes: HASHES, profile: vmmProfileOf('qemu-hashes-first') }),
  ];
  expect(firstDifference(qemu, first)).toMatchObject({ kind: 'only-right', pagesBefore: 5, elsewhere: 35 });
  expect(firstDifference(first, qemu)).toMatchObject({ kind: 'only-left', pagesBefore: 5, elsewhere: 35 });
  expect(firstDifference(rowsOf({ vcpus: 4 }), rowsOf())).toMatchObject({ kind: 'only-left', elsewhere: null });
});

test('where the image is one row or contents are left out, the row is named and no more is claimed', () => {
  const other = IMAGE.slice();
  other[4096] = 0x91;
  expect(said(ledger(INPUTS), rowsOfImage(other))).toBe('changed | 0 | firmware image | contents | ');
  const bare = (rows: readonly LedgerEntry[]): LedgerEntry[] => rows.map((row) => ({ ...row, contents: null }));
  expect(said(bare(rowsOf()), bare(rowsOf({ guestFeatures: 0x21n })))).toBe('changed | 36 | vCPU 0 | contents | ');
  expect(said(bare(rowsOf({ vcpus: 1 })), bare(rowsOf({ vcpus: 2, guestFeatures: 0x21n })))).toMatch(/^changed \| 36/);
});

test('one flipped bit anywhere in the image is found in its page', () => {
  const rows = rowsOf();
  // Not in the table and metadata, which stand in the last page: there a bit may forbid the launch.
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 * 4096 * 8 - 1 }), (bit) => {
      const other = IMAGE.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const found = firstDifference(rows, rowsOfImage(other));
      expect(found).toMatchObject({ kind: 'changed', pagesBefore: bit >> 15, fields: ['contents'], further: [] });
    }),
    { numRuns: 50 },
  );
});
