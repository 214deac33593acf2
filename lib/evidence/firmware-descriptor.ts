import { HarnessError } from '../errors.ts';
import { checkFirmwareDescriptor } from '../measure/descriptor-check.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { checked } from './json-file.ts';
import { firmwareDescriptorSchema } from './schema.ts';

/**
 * Checks a written descriptor, which may come from anywhere, by the rules that hold for an image.
 * @param where the file it came from   @throws HarnessError DESCRIPTOR_INVALID, naming the field
 */
export function readFirmwareDescriptor(written: unknown, where: string): FirmwareDescriptor {
  const { format: _, ...fields } = checked(firmwareDescriptorSchema, written, 'DESCRIPTOR_INVALID', where);
  const descriptor: FirmwareDescriptor = {
    sizeBytes: fields.sizeBytes ?? null,
    sha256: fields.sha256 ?? null,
    pagesDigest: new Uint8Array(Buffer.from(fields.pagesDigest, 'hex')),
    resetVector: Number(fields.resetVector),
    hashesTable: fields.hashesTable ? { ...fields.hashesTable, gpa: Number(fields.hashesTable.gpa) } : null,
    sections: fields.sections.map((section) => ({ ...section, gpa: Number(section.gpa) })),
  };
  return checkFirmwareDescriptor(descriptor, where);
}

/** Reads a descriptor from the text of a file. @throws HarnessError DESCRIPTOR_INVALID */
export function parseFirmwareDescriptor(text: string, where: string): FirmwareDescriptor {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch (cause) {
    throw new HarnessError({
      code: 'DESCRIPTOR_INVALID',
      what: `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      where,
      hint: 'a firmware descriptor is what `snp-conform firmware describe` prints',
      cause,
    });
  }
  return readFirmwareDescriptor(written, where);
}
