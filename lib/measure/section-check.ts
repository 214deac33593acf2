import { SEV_SECTION_TYPE, type SectionName } from '../abi/ovmf.ts';
import { PAGE_BYTES } from '../abi/page-info.ts';
import { hex } from './firmware-text.ts';
import type { FirmwareSection } from './inputs.ts';

/** Where the address space of 32-bit addresses, and so a firmware image, ends. */
export const FOUR_GIB = 0x1_0000_0000;

/** More sections than any firmware has: the bound on hostile input. */
export const SECTIONS_MAX = 256;

/** More memory than any firmware has in its sections (OVMF: 0.2 MiB): the bound on the work that hostile input causes. */
const SECTIONS_TOTAL_BYTES_MAX = 64 * 1024 * 1024;

/** Section types of which a firmware has at most one. */
const UNIQUE_TYPES: readonly number[] = [
  SEV_SECTION_TYPE.SECRETS,
  SEV_SECTION_TYPE.CPUID,
  SEV_SECTION_TYPE.SVSM_CAA,
  SEV_SECTION_TYPE.KERNEL_HASHES,
];

const SECTION_NAMES: ReadonlyMap<number, SectionName> = new Map(
  (Object.keys(SEV_SECTION_TYPE) as SectionName[]).map((name) => [SEV_SECTION_TYPE[name], name]),
);

/** The name of a section type; undefined for one that is not in the table. */
export function sectionTypeName(type: number): SectionName | undefined {
  return SECTION_NAMES.get(type);
}

/** What is wrong with the sections of a firmware, and in which field of which. */
export interface SectionFault {
  index: number;
  field: 'gpa' | 'size' | 'type';
  what: string;
}

function faultOfOne(section: FirmwareSection, imageBase: number): Omit<SectionFault, 'index'> | null {
  const { gpa, sizeBytes, type } = section;
  if (sectionTypeName(type) === undefined) {
    return { field: 'type', what: `unknown section type ${hex(type)}, so it is not known how its pages are measured` };
  }
  if (gpa % PAGE_BYTES !== 0) return { field: 'gpa', what: `${hex(gpa)} is not aligned to ${PAGE_BYTES} bytes` };
  if (sizeBytes === 0) return { field: 'size', what: 'the section is empty' };
  if (sizeBytes % PAGE_BYTES !== 0) {
    return { field: 'size', what: `${sizeBytes} is not a multiple of ${PAGE_BYTES} bytes` };
  }
  if (gpa + sizeBytes > imageBase) {
    const limit = imageBase === FOUR_GIB ? '4 GiB' : `${hex(imageBase)}, where the firmware image begins`;
    return { field: 'size', what: `the section ends at ${hex(gpa + sizeBytes)}, beyond ${limit}` };
  }
  return null;
}

function overlap(sections: readonly FirmwareSection[]): SectionFault | null {
  const order = sections.map((section, index) => ({ ...section, index })).sort((left, right) => left.gpa - right.gpa);
  for (const [position, section] of order.entries()) {
    const before = order[position - 1];
    if (before !== undefined && before.gpa + before.sizeBytes > section.gpa) {
      const what = `the section at ${hex(section.gpa)} overlaps section ${before.index} at ${hex(before.gpa)}`;
      return { index: section.index, field: 'gpa', what };
    }
  }
  return null;
}

/**
 * Looks for what no firmware that can be launched has: unaligned, empty, overlapping or far-away sections, unknown
 * types, two of a type of which there is one.
 * @param imageBytes size of the image, which ends at 4 GiB; null where it is not known   @returns null: nothing wrong
 */
export function sectionFault(sections: readonly FirmwareSection[], imageBytes: number | null): SectionFault | null {
  const imageBase = FOUR_GIB - (imageBytes ?? 0);
  const seen = new Map<number, number>();
  let totalBytes = 0;
  for (const [index, section] of sections.entries()) {
    const fault = faultOfOne(section, imageBase);
    if (fault !== null) return { index, ...fault };
    totalBytes += section.sizeBytes;
    if (totalBytes > SECTIONS_TOTAL_BYTES_MAX) {
      return { index, field: 'size', what: `the sections are larger than ${SECTIONS_TOTAL_BYTES_MAX} bytes together` };
    }
    const first = seen.get(section.type);
    if (first !== undefined && UNIQUE_TYPES.includes(section.type)) {
      return {
        index,
        field: 'type',
        what: `a second ${sectionTypeName(section.type)} section; section ${first} is one`,
      };
    }
    seen.set(section.type, index);
  }
  return overlap(sections);
}
