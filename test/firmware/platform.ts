import { PAGE_TYPE } from '../../lib/abi/page-info.ts';
import type { Chip } from '../../lib/firmware/chip.ts';
import { createGuest, type GuestContext } from '../../lib/firmware/guest-context.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import type { Platform } from '../../lib/firmware/platform.ts';

/** A Genoa platform of firmware ABI 1.55 with SMT on and one socket. */
export const PLATFORM: Platform = {
  product: 'Genoa',
  apiMajor: 1,
  apiMinor: 55,
  build: 39,
  smtEnabled: true,
  sockets: 1,
  announces: ['RAPL_DIS'],
  meets: [],
  tcb: 0x4817_0000_0000_0009n,
  reportedTcb: 0x4817_0000_0000_0009n,
  ...{ reportVersion: 3, chipIdMasked: false, chipKeyMasked: false, vlekLoaded: false, mitigations: 0n },
  chipId: new Uint8Array(64).fill(0xc1),
  cpuid: { family: 0x19, model: 0x11, stepping: 1 },
};

/** A chip whose VCEK is made up: any number below the order of P-384, another one for another TCB. */
export const CHIP: Chip = {
  platform: PLATFORM,
  vcek: (tcb) => new Uint8Array(48).fill(Number(tcb % 0x7fn) + 1),
  vlek: null,
};

/** SMT allowed, bit 17 set. */
export const POLICY = 0x30000n;

/** A page of the given type, all of one byte; of a CPUID page that is what follows its entries, of which it has none. */
export function page(
  pageType: number,
  gpa = 0x1000n,
  fill = 0,
): { pageType: number; gpa: bigint; contents: Uint8Array } {
  return { pageType, gpa, contents: new Uint8Array(4096).fill(fill, pageType === PAGE_TYPE.CPUID ? 16 : 0) };
}

/** A guest after SNP_LAUNCH_START and SNP_ACTIVATE. */
export function startedGuest(policy = POLICY): GuestContext {
  const guest = createGuest();
  launchStart(guest, PLATFORM, policy);
  activate(guest, PLATFORM, 1);
  return guest;
}

/** What SNP_LAUNCH_FINISH gets without an ID block. */
export const PLAIN_FINISH = {
  idBlock: null,
  idAuth: null,
  authorKeyEnabled: false,
  vcekDisabled: false,
  hostData: new Uint8Array(32).fill(0x0d),
};

/** A running guest with a secrets page. */
export function runningGuest(): GuestContext {
  const guest = startedGuest();
  launchUpdate(guest, PLATFORM, page(5));
  launchFinish(guest, PLAIN_FINISH);
  return guest;
}
