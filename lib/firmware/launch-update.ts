import { sha384 } from '@noble/hashes/sha2.js';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { serialiseLayout } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_INFO, PAGE_TYPE } from '../abi/page-info.ts';
import type { GuestContext } from './guest-context.ts';
import type { Platform } from './platform.ts';
import { secretsPage } from './secrets-page.ts';

/** A page that the hypervisor asks the firmware to measure and take over. */
export interface LaunchPage {
  pageType: number;
  gpa: bigint;
  /** 4096 bytes. */
  contents: Uint8Array;
}

/** Page types whose contents are hashed; the others contribute 48 zero bytes. */
const HASHED_TYPES: readonly number[] = [PAGE_TYPE.NORMAL, PAGE_TYPE.VMSA];
const KNOWN_TYPES: readonly number[] = Object.values(PAGE_TYPE);

/**
 * SNP_LAUNCH_UPDATE of one 4 KiB page: extends the launch digest.
 * Source: AMD 56860, SNP_LAUNCH_UPDATE and PAGE_INFO.
 */
export function launchUpdate(guest: GuestContext, platform: Platform, page: LaunchPage): FirmwareStatus {
  if (page.gpa % BigInt(PAGE_BYTES) !== 0n) return FIRMWARE_STATUS.INVALID_ADDRESS;
  if (page.contents.length !== PAGE_BYTES) return FIRMWARE_STATUS.INVALID_PAGE_SIZE;
  if (!KNOWN_TYPES.includes(page.pageType)) return FIRMWARE_STATUS.INVALID_PARAM;
  if (guest.state !== 'launch') return FIRMWARE_STATUS.INVALID_GUEST_STATE;
  const pageInfo = serialiseLayout(
    PAGE_INFO,
    {
      digestCur: guest.launchDigest,
      contents: HASHED_TYPES.includes(page.pageType) ? sha384(page.contents) : new Uint8Array(48),
      length: 0x70,
      pageType: page.pageType,
      gpa: page.gpa,
    },
    'PAGE_INFO',
  );
  guest.launchDigest = sha384(pageInfo);
  if (page.pageType === PAGE_TYPE.SECRETS) guest.secretsPage = secretsPage(guest, platform);
  return FIRMWARE_STATUS.SUCCESS;
}
