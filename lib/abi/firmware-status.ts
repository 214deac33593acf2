/**
 * Status codes of the SEV firmware. Source: AMD 56860, status codes; Linux, include/uapi/linux/psp-sev.h.
 * Headers before the end of 2024 numbered INVALID_PAGE_SIZE and what follows from 0x28 on; QEMU prints the number of the
 * firmware, so the numbers here are the truth, whatever name a kernel gives them.
 */
export const FIRMWARE_STATUS = {
  SUCCESS: 0x00,
  INVALID_PLATFORM_STATE: 0x01,
  INVALID_GUEST_STATE: 0x02,
  INVALID_CONFIG: 0x03,
  INVALID_LENGTH: 0x04,
  ALREADY_OWNED: 0x05,
  INVALID_CERTIFICATE: 0x06,
  POLICY_FAILURE: 0x07,
  INACTIVE: 0x08,
  INVALID_ADDRESS: 0x09,
  BAD_SIGNATURE: 0x0a,
  BAD_MEASUREMENT: 0x0b,
  ASID_OWNED: 0x0c,
  INVALID_ASID: 0x0d,
  WBINVD_REQUIRED: 0x0e,
  DFFLUSH_REQUIRED: 0x0f,
  INVALID_GUEST: 0x10,
  INVALID_COMMAND: 0x11,
  ACTIVE: 0x12,
  HWERROR_PLATFORM: 0x13,
  HWERROR_UNSAFE: 0x14,
  UNSUPPORTED: 0x15,
  INVALID_PARAM: 0x16,
  RESOURCE_LIMIT: 0x17,
  SECURE_DATA_INVALID: 0x18,
  INVALID_PAGE_SIZE: 0x19,
  INVALID_PAGE_STATE: 0x1a,
  INVALID_MDATA_ENTRY: 0x1b,
  INVALID_PAGE_OWNER: 0x1c,
  AEAD_OFLOW: 0x1d,
  EXIT_RING_BUFFER: 0x1f,
  RMP_INIT_REQUIRED: 0x20,
  BAD_SVN: 0x21,
  BAD_VERSION: 0x22,
  SHUTDOWN_REQUIRED: 0x23,
  UPDATE_FAILED: 0x24,
  RESTORE_REQUIRED: 0x25,
  RMP_INITIALIZATION_FAILED: 0x26,
  INVALID_KEY: 0x27,
  SHUTDOWN_INCOMPLETE: 0x28,
  INCORRECT_BUFFER_LENGTH: 0x30,
  EXPAND_BUFFER_LENGTH_REQUEST: 0x31,
  SPDM_REQUEST: 0x32,
  SPDM_ERROR: 0x33,
  IN_DEV_CONN: 0x35,
  INVALID_DEV_CTX: 0x36,
  INVALID_TDI_CTX: 0x37,
  INVALID_TDI: 0x38,
  RECLAIM_REQUIRED: 0x39,
  IN_USE: 0x3a,
} as const;
export type FirmwareStatus = (typeof FIRMWARE_STATUS)[keyof typeof FIRMWARE_STATUS];

/** What the kernel puts where the status would be when it never called the firmware. Source: Linux, psp-sev.h. */
export const NO_FW_CALL = -1;

/** The name of a firmware status, `status 0x99` for one that is not in the table. */
export function firmwareStatusName(status: number): string {
  if (status === NO_FW_CALL) return 'NO_FW_CALL';
  const known = Object.entries(FIRMWARE_STATUS).find(([, code]) => code === status);
  return known?.[0] ?? `status 0x${(status >>> 0).toString(16)}`;
}
