import { guidBytes } from '../../lib/abi/guid.ts';

/** One section of the SEV metadata, as three raw 32-bit numbers. */
export type RawSection = readonly [gpa: number, size: number, type: number];

/** What a made-up firmware image is made of; everything has a plausible default. */
export interface ImageParts {
  /** Size of the whole image. */
  bytes?: number;
  sections?: readonly RawSection[];
  header?: { signature?: string; length?: number; version?: number; count?: number };
  /** Distance of the metadata header from the end of the image. */
  metadataOffset?: number;
  /** Payloads by GUID, nearest to the footer first; replaces the usual three entries. */
  entries?: readonly (readonly [guid: string, payload: Uint8Array])[];
  /** The length that the footer claims for the whole table. */
  tableLength?: number;
}

export const GUID = {
  footer: '96b582de-1fb2-45f7-baea-a366c55a082d',
  resetBlock: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  hashes: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  metadata: 'dc886566-984a-4798-a75e-5585a7bf67cc',
} as const;

/** The layout of an AmdSev build of 2024 and later. Source: edk2, OvmfPkg/AmdSev/AmdSevX64.fdf. */
export const AMDSEV_SECTIONS: readonly RawSection[] = [
  [0x800000, 0x9000, 1],
  [0x80a000, 0x3000, 1],
  [0x80d000, 0x1000, 2],
  [0x80e000, 0x1000, 3],
  [0x80f000, 0x1000, 4],
  [0x811000, 0xf000, 1],
  [0x810000, 0x1000, 0x10],
];

/** Distance from the end of the image at which made-up images keep their metadata. */
export const METADATA_FROM_END = 0x800;

/** 32-bit numbers, little-endian. */
export function u32(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return new Uint8Array(bytes);
}

function trailer(length: number, guid: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(length & 0xff, length >> 8), guidBytes(guid)]);
}

/** A made-up firmware image that ends as OVMF does, right by default and wrong where asked. */
export function firmwareImage(parts: ImageParts = {}): Uint8Array {
  const image = Buffer.alloc(parts.bytes ?? 8192, 0x90);
  const sections = parts.sections ?? AMDSEV_SECTIONS;
  const metadataOffset = parts.metadataOffset ?? METADATA_FROM_END;
  const { signature = 'ASEV', version = 1, count = sections.length } = parts.header ?? {};
  const length = parts.header?.length ?? 16 + 12 * sections.length;
  const metadata = Buffer.concat([Buffer.from(signature), u32(length, version, count), u32(...sections.flat())]);
  const metadataAt = image.length - metadataOffset;
  if (metadataAt >= 0) image.set(metadata.subarray(0, image.length - metadataAt), metadataAt);

  const entries = parts.entries ?? [
    [GUID.resetBlock, u32(0x0080b004)],
    [GUID.hashes, u32(0x810c00, 0x400)],
    [GUID.metadata, u32(metadataOffset)],
  ];
  const table = Buffer.concat(
    [...entries].reverse().flatMap(([guid, payload]) => [payload, trailer(payload.length + 18, guid)]),
  );
  const footer = trailer(parts.tableLength ?? table.length + 18, GUID.footer);
  image.set(Buffer.concat([table, footer]), image.length - 32 - footer.length - table.length);
  return new Uint8Array(image);
}
