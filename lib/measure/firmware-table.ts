import { type Layout, type Parsed, parseLayout, sizeOf } from '../abi/layout.ts';
import { OVMF_GUIDS, SEV_ES_RESET_BLOCK, SEV_HASHES_AREA } from '../abi/ovmf.ts';
import { PAGE_BYTES } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { FIRMWARE_HINT, hex, offset } from './firmware-text.ts';
import type { FirmwareDescriptor } from './inputs.ts';
import type { FooterEntry } from './ovmf-table.ts';
import { FOUR_GIB } from './section-check.ts';

/** The largest firmware image that is read; OVMF builds have up to 4 MiB. */
export const FIRMWARE_BYTES_MAX = 64 * 1024 * 1024;

/** Holds an image to whole pages, and not too many. @throws HarnessError OVMF_SIZE */
export function checkImageSize(image: Uint8Array): void {
  if (image.length > 0 && image.length % PAGE_BYTES === 0 && image.length <= FIRMWARE_BYTES_MAX) return;
  throw new HarnessError({
    code: 'OVMF_SIZE',
    what: `the firmware image has ${image.length} bytes, expected a multiple of ${PAGE_BYTES} up to ${FIRMWARE_BYTES_MAX}`,
    hint: `the file was cut off, or it is no firmware image; ${FIRMWARE_HINT}`,
  });
}

/** Reads the payload of an entry, which must have the size of its layout. @throws HarnessError OVMF_TABLE_INVALID */
export function payloadOf<const L extends Layout>(layout: L, entry: FooterEntry, what: string): Parsed<L> {
  if (entry.payload.length === sizeOf(layout)) return parseLayout(layout, entry.payload, what);
  throw new HarnessError({
    code: 'OVMF_TABLE_INVALID',
    what: `footer table of the firmware image: ${what} has ${entry.payload.length} bytes, expected ${sizeOf(layout)}`,
    where: offset(entry.at),
    hint: `the image is damaged; ${FIRMWARE_HINT}`,
  });
}

/** Where application processors start. @returns 32 bits, not zero   @throws HarnessError OVMF_TABLE_INVALID */
export function readResetVector(entry: FooterEntry | undefined): number {
  const vector = entry && payloadOf(SEV_ES_RESET_BLOCK, entry, 'SEV-ES reset block').resetVector;
  if (vector !== undefined && vector !== 0) return vector;
  throw new HarnessError({
    code: 'OVMF_TABLE_INVALID',
    what: `footer table of the firmware image: ${
      entry === undefined ? `no SEV-ES reset block (${OVMF_GUIDS.sevEsResetBlock})` : 'the SEV-ES reset address is zero'
    }`,
    where: entry === undefined ? undefined : `field resetVector at ${offset(entry.at)}`,
    hint: `QEMU cannot start application processors without it; ${FIRMWARE_HINT}`,
  });
}

/**
 * Where the table of kernel hashes is expected. Builds without one have no entry, or one of address 0 and size 0.
 * @throws HarnessError OVMF_TABLE_INVALID
 */
export function readHashesTable(entry: FooterEntry | undefined): FirmwareDescriptor['hashesTable'] {
  if (entry === undefined) return null;
  const { base, size } = payloadOf(SEV_HASHES_AREA, entry, 'area of the kernel hashes');
  if (base === 0 && size === 0) return null;
  if (base > 0 && size > 0 && base + size <= FOUR_GIB) return { gpa: base, sizeBytes: size };
  throw new HarnessError({
    code: 'OVMF_TABLE_INVALID',
    what: `footer table of the firmware image: impossible area of the kernel hashes, base ${hex(base)}, size ${hex(size)}`,
    where: `field base at ${offset(entry.at)}`,
    hint: `the image is damaged; ${FIRMWARE_HINT}`,
  });
}
