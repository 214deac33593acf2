import { guidBytes, guidText } from '../abi/guid.ts';
import { parseLayout, sizeOf } from '../abi/layout.ts';
import { OVMF_FOOTER_FROM_END, OVMF_GUIDS, OVMF_TABLE_ENTRY } from '../abi/ovmf.ts';
import { HarnessError } from '../errors.ts';
import { FIRMWARE_HINT, offset } from './firmware-text.ts';

/** One entry of the footer table of an OVMF image. */
export interface FooterEntry {
  /** Offset of the payload in the image. */
  at: number;
  payload: Uint8Array;
}

const TRAILER_BYTES = sizeOf(OVMF_TABLE_ENTRY);
const FOOTER_GUID = guidBytes(OVMF_GUIDS.footer);

/** Where and what a firmware volume of UEFI variables says of itself. Source: edk2, MdePkg, EFI_FIRMWARE_VOLUME_HEADER. */
const VOLUME_GUID_AT = 16;
const VARIABLE_STORE = guidBytes('fff12b8d-7696-4c8b-a985-2747075b4f50');

function startsLikeOvmf(image: Uint8Array): boolean {
  const guid = image.subarray(VOLUME_GUID_AT, VOLUME_GUID_AT + VARIABLE_STORE.length);
  return Buffer.compare(guid, VARIABLE_STORE) === 0;
}

/** Says what the file may be instead, from where the footer GUID stands and how the file begins. */
function noTable(image: Uint8Array, expectedAt: number): HarnessError {
  const elsewhere = Buffer.from(image.buffer, image.byteOffset, image.length).lastIndexOf(FOOTER_GUID);
  const guess =
    elsewhere >= 0
      ? `the footer GUID stands at ${offset(elsewhere)} instead: bytes were added after the image; `
      : startsLikeOvmf(image)
        ? 'the file starts like OVMF, so its end was cut off, or it is OVMF_VARS; '
        : 'the file was cut off, or it is no OVMF image; ';
  return new HarnessError({
    code: 'OVMF_NO_TABLE',
    what: 'the firmware image does not end with a GUID footer table',
    where: `footer GUID expected at ${offset(expectedAt)} of ${image.length} bytes`,
    hint: `${guess}${FIRMWARE_HINT}`,
  });
}

function invalid(what: string, where: string): HarnessError {
  return new HarnessError({
    code: 'OVMF_TABLE_INVALID',
    what: `footer table of the firmware image: ${what}`,
    where,
    hint: `the image is damaged; ${FIRMWARE_HINT}`,
  });
}

/** The trailer that ends at `end`. */
function trailerAt(image: Uint8Array, end: number): { length: number; guid: string; at: number } {
  const at = end - TRAILER_BYTES;
  const { length, guid } = parseLayout(OVMF_TABLE_ENTRY, image.subarray(at, end), 'footer table entry');
  return { length, guid: guidText(guid), at };
}

/**
 * Reads the GUID footer table of an OVMF image, backwards from its end.
 * @param image whole pages   @returns entries by GUID
 * @throws HarnessError OVMF_NO_TABLE, OVMF_TABLE_INVALID   Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm.
 */
export function readFooterTable(image: Uint8Array): Map<string, FooterEntry> {
  const end = image.length - OVMF_FOOTER_FROM_END;
  const footer = trailerAt(image, end);
  if (footer.guid !== OVMF_GUIDS.footer) throw noTable(image, end - FOOTER_GUID.length);
  const start = end - footer.length;
  if (footer.length < TRAILER_BYTES || start < 0) {
    throw invalid(
      `its length is ${footer.length}, expected ${TRAILER_BYTES} to ${end} bytes`,
      `field length at ${offset(footer.at)}`,
    );
  }
  const entries = new Map<string, FooterEntry>();
  for (let cursor = footer.at; cursor > start; ) {
    const left = cursor - start;
    if (left < TRAILER_BYTES) {
      throw invalid(`${left} bytes are left, an entry has at least ${TRAILER_BYTES}`, `entry at ${offset(start)}`);
    }
    const { guid, length, at } = trailerAt(image, cursor);
    if (length < TRAILER_BYTES || length > left) {
      throw invalid(
        `entry ${guid} has length ${length}, expected ${TRAILER_BYTES} to ${left} bytes`,
        `field length at ${offset(at)}`,
      );
    }
    if (entries.has(guid)) throw invalid(`entry ${guid} stands there twice`, `field guid at ${offset(at)}`);
    cursor -= length;
    entries.set(guid, { at: cursor, payload: image.subarray(cursor, at) });
  }
  return entries;
}
