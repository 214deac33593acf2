import type { Layout } from './layout.ts';

/**
 * What SNP_SET_CONFIG on /dev/sev takes, 64 bytes. A reported TCB of 0 stands for the committed one.
 * Source: Linux include/uapi/linux/psp-sev.h, struct sev_user_data_snp_config.
 */
export const SNP_CONFIG = [
  { name: 'reportedTcb', at: 0x00, bytes: 8, type: 'u64le' },
  { name: 'flags', at: 0x08, bytes: 4, type: 'u32le' },
  { name: 'reserved0c', at: 0x0c, bytes: 52, type: 'mbz' },
] as const satisfies Layout;
