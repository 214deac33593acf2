import { PAGE_BYTES } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { FIRMWARE_BYTES_MAX } from './firmware.ts';
import type { FirmwareDescriptor } from './inputs.ts';
import { FOUR_GIB, SECTIONS_MAX, sectionFault } from './section-check.ts';

const isAddress = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < FOUR_GIB;

/** The first thing wrong with a descriptor, as field and words. */
function faultOf(descriptor: FirmwareDescriptor): { field: string; what: string } | null {
  const { sizeBytes, resetVector, hashesTable, sections } = descriptor;
  if (sizeBytes !== null && !(sizeBytes > 0 && sizeBytes % PAGE_BYTES === 0 && sizeBytes <= FIRMWARE_BYTES_MAX)) {
    const what = `${sizeBytes} is not a multiple of ${PAGE_BYTES} up to ${FIRMWARE_BYTES_MAX}`;
    return { field: 'sizeBytes', what };
  }
  if (!isAddress(resetVector) || resetVector === 0) {
    return { field: 'resetVector', what: 'expected 32 bits, not all zero' };
  }
  if (hashesTable !== null) {
    const { gpa, sizeBytes: tableBytes } = hashesTable;
    const fits = isAddress(gpa) && gpa > 0 && Number.isInteger(tableBytes) && tableBytes > 0;
    if (!fits || gpa + tableBytes > FOUR_GIB) {
      return { field: 'hashesTable', what: 'expected an area below 4 GiB, or null' };
    }
  }
  if (sections.length === 0)
    return { field: 'sections', what: 'there is none, so this firmware cannot start SNP guests' };
  if (sections.length > SECTIONS_MAX) {
    return { field: 'sections', what: `expected at most ${SECTIONS_MAX}, got ${sections.length}` };
  }
  const wild = sections.findIndex(({ gpa, sizeBytes }) => !isAddress(gpa) || !isAddress(sizeBytes));
  if (wild >= 0) return { field: `sections[${wild}]`, what: 'expected a gpa and a size of 32 bits' };
  const fault = sectionFault(sections, sizeBytes);
  if (fault === null) return null;
  const key = fault.field === 'size' ? 'sizeBytes' : fault.field;
  return { field: `sections[${fault.index}].${key}`, what: fault.what };
}

/**
 * Holds a descriptor that came from outside to the rules that hold for an image, and gives it back.
 * @param where the file it came from   @throws HarnessError DESCRIPTOR_INVALID, naming the field
 */
export function checkFirmwareDescriptor(descriptor: FirmwareDescriptor, where: string): FirmwareDescriptor {
  const fault = faultOf(descriptor);
  if (fault === null) return descriptor;
  throw new HarnessError({
    code: 'DESCRIPTOR_INVALID',
    what: `firmware descriptor: ${fault.field}: ${fault.what}`,
    where,
    hint: 'write it anew from the image with `snp-conform firmware describe`',
  });
}
