import { HarnessError } from '../errors.ts';

/** Bytes of a GUID. */
const GUID_BYTES = 16;

const TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The order of the bytes: the first three groups are little-endian. Source: UEFI 2.10, appendix A. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] as const;

const reorder = (bytes: Uint8Array): Uint8Array => Uint8Array.from(ORDER, (from) => bytes[from] ?? 0);

/**
 * A GUID as UEFI stores it.
 * @param text lower-case, with hyphens   @returns 16 bytes   @throws HarnessError HEX_INVALID
 */
export function guidBytes(text: string): Uint8Array {
  if (!TEXT.test(text)) throw new HarnessError({ code: 'HEX_INVALID', what: `not a GUID: ${JSON.stringify(text)}` });
  return reorder(Buffer.from(text.replaceAll('-', ''), 'hex'));
}

/** The text of a GUID, lower-case with hyphens. @param bytes 16 bytes   @throws HarnessError LAYOUT_LENGTH */
export function guidText(bytes: Uint8Array): string {
  if (bytes.length !== GUID_BYTES) {
    throw new HarnessError({ code: 'LAYOUT_LENGTH', what: `GUID: expected ${GUID_BYTES} bytes, got ${bytes.length}` });
  }
  const hex = Buffer.from(reorder(bytes)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
