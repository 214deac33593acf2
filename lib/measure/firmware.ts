import { OVMF_GUIDS, SEV_METADATA_OFFSET } from '../abi/ovmf.ts';
import { PAGE_TYPE } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { checkImageSize, payloadOf, readHashesTable, readResetVector } from './firmware-table.ts';
import { FIRMWARE_HINT } from './firmware-text.ts';
import type { FirmwareDescriptor, FirmwareSection } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
import { readSevMetadata } from './ovmf-metadata.ts';
import { type FooterEntry, readFooterTable } from './ovmf-table.ts';
import { FOUR_GIB } from './section-check.ts';
import { sha256 } from './sha.ts';

export { FIRMWARE_BYTES_MAX } from './firmware-table.ts';

/** The guest-physical address of an image, which ends at 4 GiB. @param imageBytes whole pages */
export function firmwareBase(imageBytes: number): number {
  return FOUR_GIB - imageBytes;
}

/**
 * The launch digest after the pages of a firmware image.
 * @param image whole pages   @param afterPage called after each page with its address and the launch so far
 * @returns 48 bytes
 */
export function measureImage(image: Uint8Array, afterPage?: (gpa: bigint, context: LaunchContext) => void): Uint8Array {
  const context = new LaunchContext();
  const visit = afterPage && ((gpa: bigint) => afterPage(gpa, context));
  context.region(PAGE_TYPE.NORMAL, BigInt(firmwareBase(image.length)), image, visit);
  return context.digest;
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

/**
 * Reads off a firmware image all that a launch digest depends on. The SHA-256 of the file is not of that: it is null.
 * @param image the whole OVMF file
 * @throws HarnessError OVMF_SIZE, OVMF_NO_TABLE, OVMF_TABLE_INVALID, OVMF_NO_SNP_METADATA, OVMF_METADATA_INVALID
 */
export function measureFirmware(image: Uint8Array): FirmwareDescriptor {
  checkImageSize(image);
  const table = readFooterTable(image);
  const sections = readSections(image, table.get(OVMF_GUIDS.sevMetadataOffset));
  const resetVector = readResetVector(table.get(OVMF_GUIDS.sevEsResetBlock));
  const hashesTable = readHashesTable(table.get(OVMF_GUIDS.sevHashesTable));
  return {
    sizeBytes: image.length,
    sha256: null,
    pagesDigest: measureImage(image),
    resetVector,
    hashesTable,
    sections,
  };
}

/** What `measureFirmware` reads off an image, with the SHA-256 of the file. @throws HarnessError as `measureFirmware` */
export function describeFirmware(image: Uint8Array): FirmwareDescriptor & { sha256: string } {
  return { ...measureFirmware(image), sha256: Buffer.from(sha256(image)).toString('hex') };
}
