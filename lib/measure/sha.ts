import { hash } from 'node:crypto';

const SHA384_BYTES = 48;

/** SHA-384. @returns 48 bytes */
export function sha384(bytes: Uint8Array): Uint8Array {
  return hash('sha384', bytes, 'buffer');
}

/**
 * Writes the SHA-384 of some bytes into a buffer, which may be those bytes. As a string of bytes the hash takes little more
 * than half the time that it takes as an array of its own, and a launch has a thousand of them.
 */
export function writeSha384(bytes: Uint8Array, target: Buffer, at: number): void {
  target.write(hash('sha384', bytes, 'binary'), at, SHA384_BYTES, 'latin1');
}

/** SHA-256. @returns 32 bytes */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}
