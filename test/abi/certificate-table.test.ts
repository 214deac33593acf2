import fc from 'fast-check';
import {
  buildCertificateTable,
  CERTIFICATE_GUIDS,
  CERTIFICATE_TABLE_ENTRY,
  type CertificateTableEntry,
  parseCertificateTable,
} from '../../lib/abi/certificate-table.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

test('a row of the table of certificates has 24 bytes', () => {
  expectSoundLayout(CERTIFICATE_TABLE_ENTRY, 24);
});

test('GUIDs stand in the order of their text, offsets count from the start of the table', () => {
  const table = buildCertificateTable([{ guid: CERTIFICATE_GUIDS.VCEK, contents: Uint8Array.of(1, 2, 3) }]);
  // Source: Linux, Documentation/virt/coco/sev-guest.rst; the bytes of 63da758d-e664-4564-adc5-f4b93be8accd.
  const row = '63da758de6644564adc5f4b93be8accd' + '30000000' + '03000000';
  expect(Buffer.from(table).toString('hex')).toBe(`${row}${'00'.repeat(24)}010203`);
});

const anyGuid = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .filter((bytes) => bytes.some((byte) => byte !== 0))
  .map((bytes) =>
    Buffer.from(bytes)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  );
const anyEntry: fc.Arbitrary<CertificateTableEntry> = fc.record({
  guid: fc.oneof(anyGuid, fc.constantFrom(...Object.values(CERTIFICATE_GUIDS))),
  contents: fc.uint8Array({ maxLength: 64 }),
});

test('what is written into a table is read out of it, unknown GUIDs and padding too', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 8 }), fc.nat(100), (entries, padding) => {
      const table = buildCertificateTable(entries);
      const padded = new Uint8Array(table.length + padding);
      padded.set(table);
      expect(parseCertificateTable(padded)).toEqual(entries);
    }),
  );
});

test('a host that has no certificates gives an empty buffer, or one of zeros', () => {
  expect(parseCertificateTable(new Uint8Array(0))).toEqual([]);
  expect(parseCertificateTable(new Uint8Array(4096))).toEqual([]);
});

const one = (): Uint8Array => buildCertificateTable([{ guid: CERTIFICATE_GUIDS.ARK, contents: new Uint8Array(10) }]);

function altered(at: number, value: number): Uint8Array {
  const table = one();
  new DataView(table.buffer).setUint32(at, value, true);
  return table;
}

const WRONG: readonly (readonly [string, Uint8Array])[] = [
  ['contents that begin in the rows', altered(0x10, 24)],
  ['contents that end behind the buffer', altered(0x14, 11)],
  ['an offset behind the buffer', altered(0x10, 1000)],
  ['offset and length that overflow 32 bits', altered(0x10, 0xffffffff)],
  ['a length of 4 GiB', altered(0x14, 0xffffffff)],
  ['no row of zeros at its end', one().subarray(0, 24)],
  ['less than a row', one().subarray(0, 23)],
  ['rows without an end', new Uint8Array(24 * 300).fill(1)],
];

for (const [what, table] of WRONG) {
  test(`a table with ${what} is refused`, () => {
    expect(errorCodeOf(() => parseCertificateTable(table))).toBe('CERTIFICATE_TABLE_INVALID');
  });
}

test('any bytes are a table or refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect([null, 'CERTIFICATE_TABLE_INVALID']).toContain(errorCodeOf(() => parseCertificateTable(bytes)));
    }),
    { numRuns: 500 },
  );
});

test('a table is not built with what is no GUID, nor with the one that would end it', () => {
  const build = (guid: string) => () => buildCertificateTable([{ guid, contents: new Uint8Array(1) }]);
  expect(errorCodeOf(build('63DA758D-E664-4564-ADC5-F4B93BE8ACCD'))).toBe('HEX_INVALID');
  expect(errorCodeOf(build('63da758d'))).toBe('HEX_INVALID');
  expect(errorCodeOf(build('00000000-0000-0000-0000-000000000000'))).toBe('CERTIFICATE_TABLE_INVALID');
});

test('what was read does not change with the buffer', () => {
  const table = one();
  const [entry] = parseCertificateTable(table);
  table.fill(0xff);
  expect(entry?.contents).toEqual(new Uint8Array(10));
});
