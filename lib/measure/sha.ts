import { hash } from 'node:crypto';

/** SHA-384. @returns 48 bytes */
export function sha384(bytes: Uint8Array): Uint8Array {
  return hash('sha384', bytes, 'buffer');
}

/** SHA-256. @returns 32 bytes */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}
