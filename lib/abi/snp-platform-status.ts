import type { Layout } from './layout.ts';

/**
 * What SNP_PLATFORM_STATUS on /dev/sev answers, 32 bytes.
 * Source: Linux include/uapi/linux/psp-sev.h, struct sev_user_data_snp_status.
 */
export const SNP_PLATFORM_STATUS = [
  { name: 'apiMajor', at: 0x00, bytes: 1, type: 'u8' },
  { name: 'apiMinor', at: 0x01, bytes: 1, type: 'u8' },
  { name: 'state', at: 0x02, bytes: 1, type: 'u8' },
  { name: 'rmpFlags', at: 0x03, bytes: 1, type: 'u8' },
  { name: 'build', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'flags', at: 0x08, bytes: 4, type: 'u32le' },
  { name: 'guestCount', at: 0x0c, bytes: 4, type: 'u32le' },
  { name: 'currentTcb', at: 0x10, bytes: 8, type: 'u64le' },
  { name: 'reportedTcb', at: 0x18, bytes: 8, type: 'u64le' },
] as const satisfies Layout;

/** STATE: 0 uninitialised, 1 initialised. Source: AMD 56860, SNP_PLATFORM_STATUS. */
export const SNP_STATE_INITIALISED = 1;

/** Bits of rmpFlags and flags. */
export const SNP_STATUS_BITS = { rmpInitialised: 1 << 0, maskChipId: 1 << 0, maskChipKey: 1 << 1, vlekEnabled: 1 << 2 };
