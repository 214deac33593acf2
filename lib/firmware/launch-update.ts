import { sha384 } from '@noble/hashes/sha2.js';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { serialiseLayout } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_INFO, PAGE_TYPE } from '../abi/page-info.ts';
import { contentsDigest } from './contents-digest.ts';
import { correctedCpuidPage } from './cpuid-page.ts';
import { type Answer, honest } from './faults.ts';
import { type GuestContext, stateStatus } from './guest-context.ts';
import type { Platform } from './platform.ts';
import { secretsPage } from './secrets-page.ts';

/** A page that the hypervisor asks the firmware to measure and take over. */
export interface LaunchPage {
  pageType: number;
  gpa: bigint;
  /** 4096 bytes; of a CPUID page that is refused, what would be accepted is written back here. */
  contents: Uint8Array;
}

/** Page types whose contents are hashed; the others contribute 48 zero bytes. */
const HASHED_TYPES: readonly number[] = [PAGE_TYPE.NORMAL, PAGE_TYPE.VMSA];
const KNOWN_TYPES: readonly number[] = Object.values(PAGE_TYPE);

/** Everything that the firmware looks at before it measures a page, in its order. A wrong CPUID page is corrected. */
function updateStatus(guest: GuestContext, platform: Platform, page: LaunchPage): FirmwareStatus {
  const state = stateStatus(guest, 'launch');
  if (state === FIRMWARE_STATUS.INVALID_GUEST) return state;
  if (page.contents.length !== PAGE_BYTES) return FIRMWARE_STATUS.INVALID_PAGE_SIZE;
  if (page.gpa % BigInt(PAGE_BYTES) !== 0n) return FIRMWARE_STATUS.INVALID_ADDRESS;
  if (!KNOWN_TYPES.includes(page.pageType)) return FIRMWARE_STATUS.INVALID_PARAM;
  if (state !== FIRMWARE_STATUS.SUCCESS) return state;
  if (guest.asid === null) return FIRMWARE_STATUS.INACTIVE;
  if (page.pageType !== PAGE_TYPE.CPUID) return FIRMWARE_STATUS.SUCCESS;
  const corrected = correctedCpuidPage(page.contents, platform);
  if (corrected === undefined) return FIRMWARE_STATUS.SUCCESS;
  page.contents.set(corrected);
  return FIRMWARE_STATUS.INVALID_PARAM;
}

/**
 * SNP_LAUNCH_UPDATE of one 4 KiB page: extends the launch digest. A refused page leaves it alone.
 * @param answer what the firmware says in place of its own status, for planted faults
 * Source: AMD 56860, SNP_LAUNCH_UPDATE and PAGE_INFO
 */
export function launchUpdate(
  guest: GuestContext,
  platform: Platform,
  page: LaunchPage,
  answer: Answer = honest,
): number {
  const status = answer(updateStatus(guest, platform, page));
  if (status !== FIRMWARE_STATUS.SUCCESS) return status;
  const pageInfo = serialiseLayout(
    PAGE_INFO,
    {
      digestCur: guest.launchDigest,
      contents: HASHED_TYPES.includes(page.pageType) ? contentsDigest(page.gpa, page.contents) : new Uint8Array(48),
      length: 0x70,
      pageType: page.pageType,
      gpa: page.gpa,
    },
    'PAGE_INFO',
  );
  guest.launchDigest = sha384(pageInfo);
  if (page.pageType === PAGE_TYPE.SECRETS) guest.secretsPage = secretsPage(guest, platform);
  return status;
}
