import type { Layout, Parsed } from './layout.ts';

/** ID block, 96 bytes, little-endian: what the guest owner lets the firmware launch. Source: AMD 56860, ID block. */
export const ID_BLOCK = [
  { name: 'launchDigest', at: 0x00, bytes: 48, type: 'bytes' },
  { name: 'familyId', at: 0x30, bytes: 16, type: 'bytes' },
  { name: 'imageId', at: 0x40, bytes: 16, type: 'bytes' },
  { name: 'version', at: 0x50, bytes: 4, type: 'u32le' },
  { name: 'guestSvn', at: 0x54, bytes: 4, type: 'u32le' },
  { name: 'policy', at: 0x58, bytes: 8, type: 'u64le' },
] as const satisfies Layout;
export type IdBlock = Parsed<typeof ID_BLOCK>;

/** The only version of the ID block. Source: AMD 56860, ID block. */
export const ID_BLOCK_VERSION = 1;
