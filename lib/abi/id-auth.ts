import type { Layout, Parsed } from './layout.ts';

/**
 * Public key, 1028 bytes: QX and QY are little-endian, 48 bytes and then 24 zero bytes.
 * Source: AMD 56860, format of an ECDSA P-384 public key.
 */
export const ECDSA_PUBLIC_KEY = [
  { name: 'curve', at: 0x000, bytes: 4, type: 'u32le' },
  { name: 'qx', at: 0x004, bytes: 72, type: 'bytes' },
  { name: 'qy', at: 0x04c, bytes: 72, type: 'bytes' },
  { name: 'reserved94', at: 0x094, bytes: 880, type: 'mbz' },
] as const satisfies Layout;

/**
 * Signature, 512 bytes: R and S are little-endian, 48 bytes and then 24 zero bytes.
 * Source: AMD 56860, format of an ECDSA P-384 signature.
 */
export const ECDSA_SIGNATURE = [
  { name: 'r', at: 0x00, bytes: 72, type: 'bytes' },
  { name: 's', at: 0x48, bytes: 72, type: 'bytes' },
  { name: 'reserved90', at: 0x90, bytes: 368, type: 'mbz' },
] as const satisfies Layout;

/**
 * ID authentication information, 4096 bytes: ID_KEY signs the 96 bytes of the ID block, AUTHOR_KEY the 1028 of ID_KEY.
 * Source: AMD 56860, ID authentication information structure.
 */
export const ID_AUTH = [
  { name: 'idKeyAlgo', at: 0x000, bytes: 4, type: 'u32le' },
  { name: 'authKeyAlgo', at: 0x004, bytes: 4, type: 'u32le' },
  { name: 'reserved8', at: 0x008, bytes: 56, type: 'mbz' },
  { name: 'idBlockSig', at: 0x040, bytes: 512, type: 'bytes' },
  { name: 'idKey', at: 0x240, bytes: 1028, type: 'bytes' },
  { name: 'reserved644', at: 0x644, bytes: 60, type: 'mbz' },
  { name: 'idKeySig', at: 0x680, bytes: 512, type: 'bytes' },
  { name: 'authorKey', at: 0x880, bytes: 1028, type: 'bytes' },
  { name: 'reservedc84', at: 0xc84, bytes: 892, type: 'mbz' },
] as const satisfies Layout;
export type IdAuth = Parsed<typeof ID_AUTH>;

/** ID_KEY_ALGO, AUTH_KEY_ALGO and SIGNATURE_ALGO of ECDSA P-384 with SHA-384. Source: AMD 56860, algorithm encodings. */
export const ALGO_ECDSA_P384_SHA384 = 1;

/** The curve id of P-384 in a public key. Source: AMD 56860, format of an ECDSA P-384 public key. */
export const CURVE_P384 = 2;
