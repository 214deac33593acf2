import { describeFirmware } from '../../lib/measure/firmware.ts';
import {
  AMDSEV_SECTIONS,
  firmwareImage,
  GUID,
  type ImageParts,
  METADATA_FROM_END,
  u32,
} from '../support/firmware-image.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const describe = (parts: ImageParts) => describeFirmware(firmwareImage(parts));
const usual = {
  reset: [GUID.resetBlock, u32(0x0080b004)],
  metadata: [GUID.metadata, u32(METADATA_FROM_END)],
} as const;

test('an image is described by its size, hash, reset vector, hashes table and sections', () => {
  const descriptor = describe({});
  expect(descriptor).toMatchObject({
    sizeBytes: 8192,
    resetVector: 0x80b004,
    hashesTable: { gpa: 0x810c00, sizeBytes: 0x400 },
    sections: AMDSEV_SECTIONS.map(([gpa, sizeBytes, type]) => ({ gpa, sizeBytes, type })),
  });
  expect(descriptor.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(descriptor.pagesDigest).toHaveLength(48);
});

test('a build without a table of kernel hashes is described, by a missing entry or by an area of zeros', () => {
  expect(describe({ entries: [usual.reset, usual.metadata] }).hashesTable).toBeNull();
  expect(describe({ entries: [usual.reset, [GUID.hashes, u32(0, 0)], usual.metadata] }).hashesTable).toBeNull();
});

for (const bytes of [0, 1, 4095, 8191, 65 * 1024 * 1024]) {
  test(`an image of ${bytes} bytes is refused with its size`, () => {
    const error = harnessErrorOf(() => describeFirmware(new Uint8Array(bytes)));
    expect(error.code).toBe('OVMF_SIZE');
    expect(error.message).toContain(`has ${bytes} bytes, expected a multiple of 4096`);
  });
}

test('an image without footer table is refused with the place where it was expected and the right file to use', () => {
  const error = harnessErrorOf(() => describeFirmware(new Uint8Array(4096)));
  expect(error.code).toBe('OVMF_NO_TABLE');
  expect(error.where).toBe('footer GUID expected at offset 0xfd0 of 4096 bytes');
  expect(error.hint).toMatch(
    /no OVMF image; use the unified image .* AmdSev or OvmfPkgX64 .* not OVMF_CODE or OVMF_VARS/,
  );
});

test('an image that begins like OVMF but lacks its end is called cut off', () => {
  const image = new Uint8Array(8192);
  image.set(Buffer.from('8d2bf1ff96768b4ca9852747075b4f50', 'hex'), 16);
  expect(harnessErrorOf(() => describeFirmware(image)).hint).toContain('its end was cut off, or it is OVMF_VARS');
});

test('an image with bytes added after its end is told where the table stands', () => {
  const image = new Uint8Array(12288);
  image.set(firmwareImage());
  expect(harnessErrorOf(() => describeFirmware(image)).hint).toContain('stands at offset 0x1fd0 instead');
  const first = new Uint8Array(4096);
  first.set(image.subarray(8192 - 48, 8192 - 32));
  expect(harnessErrorOf(() => describeFirmware(first)).hint).toContain('stands at offset 0x0 instead');
});

const NO_METADATA: readonly (readonly [string, ImageParts])[] = [
  ['has no SEV metadata entry', { entries: [usual.reset] }],
  ['has an empty footer table', { entries: [] }],
  ['has SEV metadata without sections', { sections: [] }],
];
for (const [claim, parts] of NO_METADATA) {
  test(`an image that ${claim} is refused as one that cannot start SNP guests`, () => {
    const error = harnessErrorOf(() => describe(parts));
    expect(error.code).toBe('OVMF_NO_SNP_METADATA');
    expect(error.hint).toContain('AmdSev or OvmfPkgX64');
  });
}

/** Wrong footer tables: what, the parts, and what the message must name. */
const BAD_TABLES: readonly (readonly [string, ImageParts, RegExp])[] = [
  [
    'claims less than a footer',
    { tableLength: 17 },
    /its length is 17, expected 18 to 8160 bytes.*length at offset 0x1fce/,
  ],
  ['claims more than the image', { bytes: 4096, tableLength: 4065 }, /length is 4065, expected 18 to 4064 bytes/],
  ['ends inside an entry', { tableLength: 18 + 22 + 5 }, /5 bytes are left.*entry at offset/],
  ['has an entry longer than what is left', { tableLength: 18 + 21 }, /has length 22, expected 18 to 21 bytes/],
  ['has an entry twice', { entries: [usual.reset, usual.reset, usual.metadata] }, /stands there twice/],
  ['has no SEV-ES reset block', { entries: [usual.metadata] }, /no SEV-ES reset block/],
  ['has a reset address of zero', { entries: [[GUID.resetBlock, u32(0)], usual.metadata] }, /reset address is zero/],
  ['has a reset block of 8 bytes', { entries: [[GUID.resetBlock, u32(1, 2)], usual.metadata] }, /8 bytes, expected 4/],
  [
    'has a hashes area without address',
    { entries: [usual.reset, [GUID.hashes, u32(0, 0x400)], usual.metadata] },
    /base 0x0, size 0x400/,
  ],
  [
    'has a hashes area without size',
    { entries: [usual.reset, [GUID.hashes, u32(0x810c00, 0)], usual.metadata] },
    /base 0x810c00, size 0x0/,
  ],
  [
    'has a hashes area beyond 4 GiB',
    { entries: [usual.reset, [GUID.hashes, u32(0xffff_ff00, 0x400)], usual.metadata] },
    /base 0xffffff00, size 0x400/,
  ],
];
for (const [claim, parts, named] of BAD_TABLES) {
  test(`a footer table that ${claim} is refused`, () => {
    const error = harnessErrorOf(() => describe(parts));
    expect(error.code).toBe('OVMF_TABLE_INVALID');
    expect(error.message).toMatch(named);
    expect(error.hint).toBeDefined();
  });
}

test('an entry shorter than its own trailer is refused', () => {
  const image = firmwareImage();
  image[8192 - 32 - 36] = 17;
  expect(harnessErrorOf(() => describeFirmware(image)).message).toMatch(/has length 17, expected 18 to/);
});

test('limits are inclusive: 64 MiB of image, 256 sections, an area up to 4 GiB, metadata from the first byte on', () => {
  expect(describe({ bytes: 64 * 1024 * 1024 }).sizeBytes).toBe(64 * 1024 * 1024);
  const sections = Array.from({ length: 256 }, (_, index) => [index * 4096, 4096, 1] as const);
  expect(describe({ sections, metadataOffset: 8192 }).sections).toHaveLength(256);
  const hashes = [GUID.hashes, u32(0xffff_fc00, 0x400)] as const;
  expect(describe({ entries: [usual.reset, hashes, usual.metadata] }).hashesTable).toEqual({
    gpa: 0xffff_fc00,
    sizeBytes: 0x400,
  });
});

test('metadata may end with the image and a table may hold an empty entry', () => {
  // The 28 bytes of one section stand over the reset vector and what is before it, which is no part of any table.
  const image = firmwareImage({ entries: [usual.reset, [GUID.metadata, u32(28)]], sections: [] });
  const metadata = firmwareImage({ sections: [[0x800000, 0x1000, 1]] })
    .subarray(-METADATA_FROM_END)
    .subarray(0, 28);
  image.set(metadata, image.length - 28);
  expect(describeFirmware(image).sections).toEqual([{ gpa: 0x800000, sizeBytes: 0x1000, type: 1 }]);
  const empty = [GUID.footer, new Uint8Array(0)] as const;
  expect(describe({ entries: [empty, usual.reset, usual.metadata] }).resetVector).toBe(0x80b004);
  expect(describe({ entries: [usual.reset, usual.metadata, empty] }).resetVector).toBe(0x80b004);
});

test('a section may end where the image begins, and all sections together may have 64 MiB', () => {
  expect(describe({ sections: [[0xffff_d000, 0x1000, 1]] }).sections).toHaveLength(1);
  expect(describe({ sections: [[0, 0x4000000, 1]] }).sections).toHaveLength(1);
});

const [first = [0, 0, 0] as const] = AMDSEV_SECTIONS;
/** Wrong metadata: what, the parts, and what the message must name. */
const BAD_METADATA: readonly (readonly [string, ImageParts, RegExp])[] = [
  ['beyond the start of the image', { metadataOffset: 8193 }, /8193 bytes before the end of an image of 8192/],
  ['at the very end of the image', { metadataOffset: 0 }, /0 bytes before the end/],
  ['with another signature', { header: { signature: 'ASEW' } }, /got 41534557 \(field signature at offset 0x1800\)/],
  ['of version 2', { header: { version: 2 } }, /expected version 1, got 2 \(field version at offset 0x1808\)/],
  ['with a count beyond its length', { header: { count: 8 } }, /expected 112 bytes for 8 sections, got 100/],
  ['with a length beyond its count', { header: { length: 112 } }, /expected 100 bytes for 7 sections, got 112/],
  ['with a huge count', { header: { count: 0xffff_ffff } }, /at most 256 sections, got 4294967295 \(field count at/],
  ['with an unaligned section', { sections: [[0x800001, 0x1000, 1]] }, /section 0: 0x800001 is not aligned/],
  ['with an empty section', { sections: [[0x800000, 0, 1]] }, /section 0: the section is empty \(field size at/],
  ['with a section of half a page', { sections: [[0x800000, 0x800, 1]] }, /2048 is not a multiple of 4096/],
  ['with a section over 4 GiB', { sections: [[0xffff_f000, 0x2000, 1]] }, /ends at 0x100001000, beyond 0xffffe000/],
  ['with a section over the image', { sections: [[0xffff_d000, 0x2000, 1]] }, /beyond 0xffffe000, where the firmware/],
  ['with huge sections', { sections: [[0x0, 0x4001000, 1]] }, /larger than 67108864 bytes together/],
  ['with an unknown section type', { sections: [first, [0x900000, 0x1000, 5]] }, /section 1: unknown section type 0x5/],
  [
    'with two sections of secrets',
    { sections: [[0x900000, 0x1000, 2], first, [0xa00000, 0x1000, 2]] },
    /section 2: a second SECRETS section; section 0 is one \(field type at offset 0x1830\)/,
  ],
  [
    'with overlapping sections',
    { sections: [[0x808000, 0x2000, 2], first] },
    /section 0: the section at 0x808000 overlaps section 1 at 0x800000 \(field gpa at offset 0x1810\)/,
  ],
];
for (const [claim, parts, named] of BAD_METADATA) {
  test(`SEV metadata ${claim} is refused`, () => {
    const error = harnessErrorOf(() => describe(parts));
    expect(error.code).toBe('OVMF_METADATA_INVALID');
    expect(error.message).toMatch(named);
    expect(error.hint).toBeDefined();
  });
}

test('metadata whose sections run over the end of the image is refused', () => {
  const image = firmwareImage({ metadataOffset: METADATA_FROM_END });
  // The header moves to where only itself fits: 16 bytes before the end, over the reset vector.
  const moved = firmwareImage({ entries: [usual.reset, [GUID.metadata, u32(16)]] });
  moved.set(image.subarray(image.length - METADATA_FROM_END, image.length - METADATA_FROM_END + 16), moved.length - 16);
  const error = harnessErrorOf(() => describeFirmware(moved));
  expect(error.code).toBe('OVMF_METADATA_INVALID');
  expect(error.message).toContain('expected at most 16 bytes to the end of the image, got 100');
});

test('an image is read where it lies in a larger buffer', () => {
  const image = firmwareImage();
  const larger = new Uint8Array(image.length + 24);
  larger.set(image, 8);
  expect(describeFirmware(larger.subarray(8, 8 + image.length))).toEqual(describeFirmware(image));
  expect(errorCodeOf(() => describeFirmware(larger.subarray(0, image.length)))).toBe('OVMF_NO_TABLE');
});
