import { HarnessError } from '../errors.ts';
import { type Layout, parseLayout, serialiseLayout, sizeOf } from './layout.ts';

/** One row of the table of certificates. Source: GHCB specification, SNP extended guest request. */
export const CERTIFICATE_TABLE_ENTRY = [
  { name: 'guid', at: 0x00, bytes: 16, type: 'bytes' },
  { name: 'offset', at: 0x10, bytes: 4, type: 'u32le' },
  { name: 'length', at: 0x14, bytes: 4, type: 'u32le' },
] as const satisfies Layout;

/** The GUIDs that have a meaning, in the order of their text. Source: GHCB specification, SNP extended guest request. */
export const CERTIFICATE_GUIDS = {
  ARK: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  ASK: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  VCEK: '63da758d-e664-4564-adc5-f4b93be8accd',
  VLEK: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  CRL: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const;
export type CertificateTableName = keyof typeof CERTIFICATE_GUIDS;

/** What a host put into the table. */
export interface CertificateTableEntry {
  /** Lower-case, with hyphens; one without a meaning is kept. */
  guid: string;
  /** Copied out of the table. */
  contents: Uint8Array;
}

const ENTRY_BYTES = sizeOf(CERTIFICATE_TABLE_ENTRY);
const WHAT = 'certificate table';

/** More rows than any buffer of an extended request holds certificates. */
const ENTRIES_MAX = 256;

/** A GUID whose bytes stand in the order of its text, unlike those of UEFI. */
function guidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function refuse(what: string, where?: string): HarnessError {
  return new HarnessError({ code: 'CERTIFICATE_TABLE_INVALID', what: `${WHAT}: ${what}`, where });
}

interface Row {
  guid: string;
  offset: number;
  length: number;
}

/** The rows up to the one of zeros that ends them. */
function rowsOf(bytes: Uint8Array): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const entry = bytes.subarray(at, at + ENTRY_BYTES);
    if (entry.every((byte) => byte === 0)) return rows;
    if (rows.length === ENTRIES_MAX) throw refuse(`it has more than ${ENTRIES_MAX} rows`);
    const { guid, offset, length } = parseLayout(CERTIFICATE_TABLE_ENTRY, entry, WHAT);
    rows.push({ guid: guidText(guid), offset, length });
  }
  throw refuse(`no row of zeros ends it within its ${bytes.length} bytes`);
}

/**
 * Reads what a host gave a guest with its report: the auxblob of configfs-tsm, or the buffer of SNP_GET_EXT_REPORT.
 * @param bytes the whole buffer; what lies behind the certificates is padding; none at all is a table without rows
 * @returns every row in order, those with an unknown GUID too
 * @throws HarnessError CERTIFICATE_TABLE_INVALID for a table without an end, or contents that are not between it and the
 * end of the buffer
 * Source: GHCB specification, SNP extended guest request
 */
export function parseCertificateTable(bytes: Uint8Array): CertificateTableEntry[] {
  if (bytes.length === 0) return [];
  const rows = rowsOf(bytes);
  const begin = (rows.length + 1) * ENTRY_BYTES;
  return rows.map(({ guid, offset, length }, index) => {
    const end = offset + length;
    if (offset < begin || end > bytes.length) {
      throw refuse(
        `expected contents within bytes ${begin} to ${bytes.length}, got ${offset} to ${end}`,
        `row ${index + 1}, ${guid}`,
      );
    }
    return { guid, contents: bytes.slice(offset, end) };
  });
}

/**
 * Writes a table of certificates.
 * @param entries in order   @returns rows, a row of zeros, and the contents one after another
 * @throws HarnessError HEX_INVALID for what is no GUID; CERTIFICATE_TABLE_INVALID for the GUID of zeros, which would end
 * the table
 * Source: GHCB specification, SNP extended guest request
 */
export function buildCertificateTable(entries: readonly CertificateTableEntry[]): Uint8Array {
  let offset = (entries.length + 1) * ENTRY_BYTES;
  const rows = entries.map(({ guid, contents }) => {
    if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(guid)) {
      throw new HarnessError({ code: 'HEX_INVALID', what: `not a GUID: ${JSON.stringify(guid)}` });
    }
    const bytes = new Uint8Array(Buffer.from(guid.replaceAll('-', ''), 'hex'));
    if (bytes.every((byte) => byte === 0)) throw refuse('the GUID of zeros ends a table');
    const row = serialiseLayout(CERTIFICATE_TABLE_ENTRY, { guid: bytes, offset, length: contents.length }, WHAT);
    offset += contents.length;
    return row;
  });
  return new Uint8Array(
    Buffer.concat([...rows, new Uint8Array(ENTRY_BYTES), ...entries.map(({ contents }) => contents)]),
  );
}
