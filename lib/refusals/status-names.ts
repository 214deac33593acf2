import { FIRMWARE_STATUS, NO_FW_CALL } from '../abi/firmware-status.ts';

/** Other spellings of names of statuses. Source: Linux, include/uapi/linux/psp-sev.h; virtee/sev, src/error.rs. */
const SPELLINGS: Readonly<Record<string, number>> = {
  NO_FW_CALL,
  INVALID_LEN: FIRMWARE_STATUS.INVALID_LENGTH,
  INAVLID_CONFIG: FIRMWARE_STATUS.INVALID_CONFIG,
  HWSEV_RET_PLATFORM: FIRMWARE_STATUS.HWERROR_PLATFORM,
  HWSEV_RET_UNSAFE: FIRMWARE_STATUS.HWERROR_UNSAFE,
  DF_FLUSH_REQUIRED: FIRMWARE_STATUS.DFFLUSH_REQUIRED,
  INVALID_PARAMETER: FIRMWARE_STATUS.INVALID_PARAM,
  RB_MODE_EXITED: FIRMWARE_STATUS.EXIT_RING_BUFFER,
  RMP_INIT_FAILED: FIRMWARE_STATUS.RMP_INITIALIZATION_FAILED,
};

/** What QEMU prints for a status; above 0x18 it prints `unknown error`. Source: QEMU, target/i386/sev.c, sev_fw_errlist. */
export const QEMU_STATUS_WORDS: Readonly<Record<number, string>> = {
  [FIRMWARE_STATUS.INVALID_PLATFORM_STATE]: 'Platform state is invalid',
  [FIRMWARE_STATUS.INVALID_GUEST_STATE]: 'Guest state is invalid',
  [FIRMWARE_STATUS.INVALID_CONFIG]: 'Platform configuration is invalid',
  [FIRMWARE_STATUS.INVALID_LENGTH]: 'Buffer too small',
  [FIRMWARE_STATUS.ALREADY_OWNED]: 'Platform is already owned',
  [FIRMWARE_STATUS.INVALID_CERTIFICATE]: 'Certificate is invalid',
  [FIRMWARE_STATUS.POLICY_FAILURE]: 'Policy is not allowed',
  [FIRMWARE_STATUS.INACTIVE]: 'Guest is not active',
  [FIRMWARE_STATUS.INVALID_ADDRESS]: 'Invalid address',
  [FIRMWARE_STATUS.BAD_SIGNATURE]: 'Bad signature',
  [FIRMWARE_STATUS.BAD_MEASUREMENT]: 'Bad measurement',
  [FIRMWARE_STATUS.ASID_OWNED]: 'ASID is already owned',
  [FIRMWARE_STATUS.INVALID_ASID]: 'Invalid ASID',
  [FIRMWARE_STATUS.WBINVD_REQUIRED]: 'WBINVD is required',
  [FIRMWARE_STATUS.DFFLUSH_REQUIRED]: 'DF_FLUSH is required',
  [FIRMWARE_STATUS.INVALID_GUEST]: 'Guest handle is invalid',
  [FIRMWARE_STATUS.INVALID_COMMAND]: 'Invalid command',
  [FIRMWARE_STATUS.ACTIVE]: 'Guest is active',
  [FIRMWARE_STATUS.HWERROR_PLATFORM]: 'Hardware error',
  [FIRMWARE_STATUS.HWERROR_UNSAFE]: 'Hardware unsafe',
  [FIRMWARE_STATUS.UNSUPPORTED]: 'Feature not supported',
  [FIRMWARE_STATUS.INVALID_PARAM]: 'Invalid parameter',
  [FIRMWARE_STATUS.RESOURCE_LIMIT]: 'Required firmware resource depleted',
  [FIRMWARE_STATUS.SECURE_DATA_INVALID]: 'Part-specific integrity check failure',
};

/** Every name that a status is known by, as it is compared: upper case, with underscores. */
export const STATUS_BY_NAME: ReadonlyMap<string, number> = new Map([
  ...Object.entries(FIRMWARE_STATUS),
  ...Object.entries(SPELLINGS),
  ...Object.entries(QEMU_STATUS_WORDS).map(([status, words]) => [asName(words), Number(status)] as const),
]);

/** A name as it is compared: without the kernel's prefix, in upper case, with underscores for all that is no letter or digit. */
export function asName(text: string): string {
  return text
    .trim()
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
    .replace(/^(?:SEV_RET|SNP_RET|SEV)_(?=.)/, '');
}
