import { fieldOf, parseLayout, sizeOf } from '../abi/layout.ts';
import {
  SEV_METADATA_HEADER,
  SEV_METADATA_SECTION,
  SEV_METADATA_SIGNATURE,
  SEV_METADATA_VERSION,
} from '../abi/ovmf.ts';
import { HarnessError } from '../errors.ts';
import { FIRMWARE_HINT, offset } from './firmware-text.ts';
import type { FirmwareSection } from './inputs.ts';
import { FOUR_GIB, SECTIONS_MAX, sectionFault } from './section-check.ts';

const HEADER_BYTES = sizeOf(SEV_METADATA_HEADER);
const SECTION_BYTES = sizeOf(SEV_METADATA_SECTION);

function invalid(what: string, at: number, field: string): HarnessError {
  return new HarnessError({
    code: 'OVMF_METADATA_INVALID',
    what: `SEV metadata of the firmware image: ${what}`,
    where: `field ${field} at ${offset(at)}`,
    hint: `the image is damaged or newer than this tool; ${FIRMWARE_HINT}`,
  });
}

/** Checks the header and gives back how many descriptors follow it. */
function readHeader(image: Uint8Array, at: number): number {
  const header = parseLayout(SEV_METADATA_HEADER, image.subarray(at, at + HEADER_BYTES), 'SEV metadata header');
  const fault = (name: keyof typeof header, what: string): HarnessError =>
    invalid(what, at + fieldOf(SEV_METADATA_HEADER, name).at, name);
  if (Buffer.compare(header.signature, SEV_METADATA_SIGNATURE) !== 0) {
    const found = Buffer.from(header.signature).toString('hex');
    throw fault('signature', `expected signature ASEV (41534556), got ${found}`);
  }
  if (header.version !== SEV_METADATA_VERSION) {
    throw fault('version', `expected version ${SEV_METADATA_VERSION}, got ${header.version}`);
  }
  if (header.count > SECTIONS_MAX) {
    throw fault('count', `expected at most ${SECTIONS_MAX} sections, got ${header.count}`);
  }
  const expected = HEADER_BYTES + header.count * SECTION_BYTES;
  if (header.length !== expected) {
    throw fault('length', `expected ${expected} bytes for ${header.count} sections, got ${header.length}`);
  }
  if (at + expected > image.length) {
    throw fault('length', `expected at most ${image.length - at} bytes to the end of the image, got ${expected}`);
  }
  return header.count;
}

function readSection(image: Uint8Array, at: number): FirmwareSection {
  const row = parseLayout(SEV_METADATA_SECTION, image.subarray(at, at + SECTION_BYTES), 'SEV metadata section');
  return { gpa: row.gpa, sizeBytes: row.size, type: row.type };
}

/**
 * Reads the SEV metadata of an OVMF image.
 * @param at offset of its header, anything at all   @param offsetAt offset of the field that said so
 * @param base address of the image, below which its sections are; by default it ends at 4 GiB
 * @returns the sections, in the order of the image, in which they are measured
 * @throws HarnessError OVMF_METADATA_INVALID   Source: edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm.
 */
export function readSevMetadata(
  image: Uint8Array,
  at: number,
  offsetAt: number,
  base: number = FOUR_GIB - image.length,
): FirmwareSection[] {
  if (at < 0 || at + HEADER_BYTES > image.length) {
    const distance = image.length - at;
    throw invalid(
      `its header is said to be ${distance} bytes before the end of an image of ${image.length} bytes`,
      offsetAt,
      'offset',
    );
  }
  const first = at + HEADER_BYTES;
  const sections = Array.from({ length: readHeader(image, at) }, (_, index) =>
    readSection(image, first + index * SECTION_BYTES),
  );
  const fault = sectionFault(sections, FOUR_GIB - base);
  if (fault !== null) {
    const faultAt = first + fault.index * SECTION_BYTES + fieldOf(SEV_METADATA_SECTION, fault.field).at;
    throw invalid(`section ${fault.index}: ${fault.what}`, faultAt, fault.field);
  }
  return sections;
}
