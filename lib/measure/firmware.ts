import { type Layout, type Parsed, parseLayout, sizeOf } from '../abi/layout.ts';
import { OVMF_GUIDS, SEV_ES_RESET_BLOCK, SEV_HASHES_AREA, SEV_METADATA_OFFSET } from '../abi/ovmf.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { FIRMWARE_HINT, hex, offset } from './firmware-text.ts';
import type { FirmwareDescriptor, FirmwareSection } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
import { readSevMetadata } from './ovmf-metadata.ts';
import { type FooterEntry, readFooterTable } from './ovmf-table.ts';
import { FOUR_GIB } from './section-check.ts';
import { sha256 } from './sha.ts';

/** The largest firmware image that is read; OVMF builds have up to 4 MiB. */
export const FIRMWARE_BYTES_MAX = 64 * 1024 * 1024;

/** The guest-physical address of an image, which ends at 4 GiB. @param imageBytes whole pages */
export function firmwareBase(imageBytes: number): number {
  return FOUR_GIB - imageBytes;
}

/**
 * The launch digest after the pages of a firmware image.
 * @param image whole pages   @param afterPage called after each page with its address and the digest so far
 * @returns 48 bytes
 */
export function measureImage(image: Uint8Array, afterPage?: (gpa: bigint, digest: Uint8Array) => void): Uint8Array {
  const context = new LaunchContext();
  const visit = afterPage && ((gpa: bigint) => afterPage(gpa, context.digest));
  context.region(PAGE_TYPE.NORMAL, BigInt(firmwareBase(image.length)), image, visit);
  return context.digest;
}

function checkSize(image: Uint8Array): void {
  if (image.length > 0 && image.length % PAGE_BYTES === 0 && image.length <= FIRMWARE_BYTES_MAX) return;
  throw new HarnessError({
    code: 'OVMF_SIZE',
    what: `the firmware image has ${image.length} bytes, expected a multiple of ${PAGE_BYTES} up to ${FIRMWARE_BYTES_MAX}`,
    hint: `the file was cut off, or it is no firmware image; ${FIRMWARE_HINT}`,
  });
}

/** Reads the payload of an entry, which must have the size of its layout. */
function payloadOf<const L extends Layout>(layout: L, entry: FooterEntry, what: string): Parsed<L> {
  if (entry.payload.length === sizeOf(layout)) return parseLayout(layout, entry.payload, what);
  throw new HarnessError({
    code: 'OVMF_TABLE_INVALID',
    what: `footer table of the firmware image: ${what} has ${entry.payload.length} bytes, expected ${sizeOf(layout)}`,
    where: offset(entry.at),
    hint: `the image is damaged; ${FIRMWARE_HINT}`,
  });
}

function readSections(image: Uint8Array, entry: FooterEntry | undefined): FirmwareSection[] {
  const missing = (what: string): HarnessError =>
    new HarnessError({
      code: 'OVMF_NO_SNP_METADATA',
      what: `the firmware image has no SEV-SNP metadata: ${what}`,
      hint: `it cannot start an SNP guest; ${FIRMWARE_HINT}`,
    });
  if (entry === undefined) throw missing(`no entry ${OVMF_GUIDS.sevMetadataOffset} in its footer table`);
  const fromEnd = payloadOf(SEV_METADATA_OFFSET, entry, 'SEV metadata offset').offset;
  const sections = readSevMetadata(image, image.length - fromEnd, entry.at);
  if (sections.length === 0) throw missing('its table of sections is empty');
  return sections;
}

function readResetVector(entry: FooterEntry | undefined): number {
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

/** Builds without a table of kernel hashes have no entry, or one of address 0 and size 0. */
function readHashesTable(entry: FooterEntry | undefined): FirmwareDescriptor['hashesTable'] {
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

/**
 * Reads off a firmware image all that a launch digest needs of it.
 * @param image the whole OVMF file
 * @throws HarnessError OVMF_SIZE, OVMF_NO_TABLE, OVMF_TABLE_INVALID, OVMF_NO_SNP_METADATA, OVMF_METADATA_INVALID
 */
export function describeFirmware(image: Uint8Array): FirmwareDescriptor {
  checkSize(image);
  const table = readFooterTable(image);
  const sections = readSections(image, table.get(OVMF_GUIDS.sevMetadataOffset));
  const resetVector = readResetVector(table.get(OVMF_GUIDS.sevEsResetBlock));
  const hashesTable = readHashesTable(table.get(OVMF_GUIDS.sevHashesTable));
  return {
    sizeBytes: image.length,
    sha256: Buffer.from(sha256(image)).toString('hex'),
    pagesDigest: measureImage(image),
    resetVector,
    hashesTable,
    sections,
  };
}
