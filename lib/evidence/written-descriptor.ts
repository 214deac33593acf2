import type { z } from 'zod';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import type { firmwareDescriptorSchema } from './schema.ts';

/** A firmware descriptor as files have it: numbers and bytes as hex. */
export type WrittenFirmwareDescriptor = z.infer<typeof firmwareDescriptorSchema>;

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A firmware descriptor as files have it, keys in their documented order. */
export function writeFirmwareDescriptor(descriptor: FirmwareDescriptor): WrittenFirmwareDescriptor {
  const { sizeBytes, sha256, pagesDigest, resetVector, hashesTable, sections } = descriptor;
  return {
    format: 'snp-conform/firmware@1',
    sizeBytes,
    sha256,
    pagesDigest: Buffer.from(pagesDigest).toString('hex'),
    resetVector: hex(resetVector),
    hashesTable: hashesTable && { gpa: hex(hashesTable.gpa), sizeBytes: hashesTable.sizeBytes },
    sections: sections.map((section) => ({ ...section, gpa: hex(section.gpa) })),
  };
}
