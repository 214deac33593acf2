import fc from 'fast-check';
import { parseFirmwareDescriptor, readFirmwareDescriptor } from '../../lib/evidence/firmware-descriptor.ts';
import { writeFirmwareDescriptor } from '../../lib/evidence/written-descriptor.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { FirmwareDescriptor } from '../../lib/measure/inputs.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const DESCRIPTOR = describeFirmware(firmwareImage());
const WRITTEN = writeFirmwareDescriptor(DESCRIPTOR);
const WHERE = 'amdsev.json';

test('a descriptor is written with hex addresses, plain sizes and its format', () => {
  expect(WRITTEN).toMatchObject({
    format: 'snp-conform/firmware@1',
    sizeBytes: 8192,
    resetVector: '0x80b004',
    hashesTable: { gpa: '0x810c00', sizeBytes: 1024 },
  });
  expect(WRITTEN.sections[0]).toEqual({ gpa: '0x800000', sizeBytes: 36864, type: 1 });
});

test('a descriptor survives being written and read', () => {
  expect(parseFirmwareDescriptor(JSON.stringify(WRITTEN), WHERE)).toEqual(DESCRIPTOR);
  const page = fc.integer({ min: 1, max: 2000 });
  const sections = fc
    .uniqueArray(page, { minLength: 1, maxLength: 20 })
    .map((pages) => pages.map((number) => ({ gpa: number * 4096, sizeBytes: 4096, type: 1 })));
  const descriptors: fc.Arbitrary<FirmwareDescriptor> = fc.record({
    sizeBytes: fc.option(page.map((pages) => pages * 4096)),
    sha256: fc.option(fc.constant('ab'.repeat(32))),
    pagesDigest: fc.uint8Array({ minLength: 48, maxLength: 48 }),
    resetVector: fc.integer({ min: 1, max: 0xffff_ffff }),
    hashesTable: fc.option(fc.record({ gpa: page, sizeBytes: page })),
    sections,
  });
  fc.assert(
    fc.property(descriptors, (descriptor) => {
      const read = readFirmwareDescriptor(writeFirmwareDescriptor(descriptor), WHERE);
      expect(writeFirmwareDescriptor(read)).toEqual(writeFirmwareDescriptor(descriptor));
    }),
  );
});

test('size, hash and hashes table may be null or absent', () => {
  const { sizeBytes: _size, sha256: _sha, hashesTable: _table, ...bare } = WRITTEN;
  const expected = { ...DESCRIPTOR, sizeBytes: null, sha256: null, hashesTable: null };
  expect(readFirmwareDescriptor(bare, WHERE)).toEqual(expected);
  expect(readFirmwareDescriptor({ ...bare, sizeBytes: null, sha256: null, hashesTable: null }, WHERE)).toEqual(
    expected,
  );
});

const section = { gpa: '0x900000', sizeBytes: 4096, type: 1 };
/** What is wrong, the fields that make it so, and the field that the message must name. */
const WRONG: readonly (readonly [string, object, string])[] = [
  ['another format', { format: 'snp-conform/firmware@2' }, 'format'],
  ['an unknown key', { guestPolicy: '0x30000' }, 'guestPolicy'],
  ['half a digest', { pagesDigest: 'ab'.repeat(24) }, 'pagesDigest'],
  ['a digest in capitals', { pagesDigest: 'AB'.repeat(48) }, 'pagesDigest'],
  ['a number where hex belongs', { resetVector: 8433668 }, 'resetVector'],
  ['a reset vector of zero', { resetVector: '0x0' }, 'resetVector'],
  ['a reset vector of 33 bits', { resetVector: '0x100000000' }, 'resetVector'],
  ['a size of half a page', { sizeBytes: 2048 }, 'sizeBytes'],
  ['a size of zero', { sizeBytes: 0 }, 'sizeBytes'],
  ['a size of 1 GiB', { sizeBytes: 1024 ** 3 }, 'sizeBytes'],
  ['a hashes table beyond 4 GiB', { hashesTable: { gpa: '0xfffffff0', sizeBytes: 32 } }, 'hashesTable'],
  ['a hashes table at zero', { hashesTable: { gpa: '0x0', sizeBytes: 32 } }, 'hashesTable'],
  ['a hashes table in another galaxy', { hashesTable: { gpa: '0xffffffffffffffff', sizeBytes: 1 } }, 'hashesTable'],
  ['no sections', { sections: [] }, 'sections'],
  ['257 sections', { sections: Array.from({ length: 257 }, () => section) }, 'sections'],
  ['an unaligned section', { sections: [{ ...section, gpa: '0x900010' }] }, 'sections[0].gpa'],
  ['an empty section', { sections: [{ ...section, sizeBytes: 0 }] }, 'sections[0].sizeBytes'],
  ['an unknown section type', { sections: [{ ...section, type: 7 }] }, 'sections[0].type'],
  ['a section beyond 4 GiB', { sections: [{ ...section, gpa: '0x100000000' }] }, 'sections[0]'],
  ['a section of 2^52 bytes', { sections: [{ ...section, sizeBytes: 2 ** 52 }] }, 'sections[0]'],
  ['overlapping sections', { sections: [section, { ...section, type: 2 }] }, 'sections[1].gpa'],
];
for (const [claim, fields, named] of WRONG) {
  test(`a descriptor with ${claim} is refused and ${named} is named`, () => {
    const error = harnessErrorOf(() => readFirmwareDescriptor({ ...WRITTEN, ...fields }, WHERE));
    expect(error.code).toBe('DESCRIPTOR_INVALID');
    expect(error.what).toContain(named);
    expect(error.where).toBe(WHERE);
  });
}

test('limits are inclusive: 64 MiB of image, 256 sections, an area up to 4 GiB', () => {
  const sections = Array.from({ length: 256 }, (_, index) => ({
    gpa: `0x${(index * 4096).toString(16)}`,
    sizeBytes: 4096,
    type: 1,
  }));
  const hashesTable = { gpa: '0xfffffc00', sizeBytes: 0x400 };
  const limits = { ...WRITTEN, sizeBytes: 64 * 1024 * 1024, sections, hashesTable };
  expect(writeFirmwareDescriptor(readFirmwareDescriptor(limits, WHERE))).toEqual(limits);
});

test('text that is not JSON and JSON that is no descriptor are refused with the file', () => {
  expect(harnessErrorOf(() => parseFirmwareDescriptor('{', WHERE)).message).toMatch(/not JSON: .*amdsev\.json/);
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(errorCodeOf(() => parseFirmwareDescriptor(text, WHERE))).toBe('DESCRIPTOR_INVALID');
    }),
  );
});
