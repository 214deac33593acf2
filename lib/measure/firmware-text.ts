/** What to do about a firmware image that cannot be launched. */
export const FIRMWARE_HINT =
  'use the unified image of an AmdSev or OvmfPkgX64 build with SEV-SNP support (OVMF.amdsev.fd, OVMF.fd), ' +
  'not OVMF_CODE or OVMF_VARS';

/** A byte offset as it appears in messages. */
export const offset = (at: number): string => `offset 0x${at.toString(16)}`;

/** An address or size as it appears in messages. */
export const hex = (value: number): string => `0x${value.toString(16)}`;
