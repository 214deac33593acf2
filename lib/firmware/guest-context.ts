import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';

/** The guest context page (GCTX), as far as launches and reports need it. */
export interface GuestContext {
  state: 'init' | 'launch' | 'running' | 'decommissioned';
  /** The ASID that it is bound to; null: none, as before SNP_ACTIVATE. */
  asid: number | null;
  policy: bigint;
  /** GCTX.LD, 48 bytes. */
  launchDigest: Uint8Array;
  /** VM platform communication keys, 32 bytes each. */
  vmpcks: readonly Uint8Array[];
  /** Guest messages seen with each VMPCK. */
  messageCounts: bigint[];
  /** What the firmware wrote into the guest's secrets page, 4096 bytes; null until the hypervisor names one. */
  secretsPage: Uint8Array | null;
  reportId: Uint8Array;
  hostData: Uint8Array;
  vcekDisabled: boolean;
  authorKeyEnabled: boolean;
  idBlock: { familyId: Uint8Array; imageId: Uint8Array; guestSvn: number } | null;
  idKeyDigest: Uint8Array;
  authorKeyDigest: Uint8Array;
}

/** SNP_GCTX_CREATE: a context with nothing launched. */
export function createGuest(): GuestContext {
  return {
    state: 'init',
    asid: null,
    policy: 0n,
    launchDigest: new Uint8Array(48),
    vmpcks: [],
    messageCounts: [0n, 0n, 0n, 0n],
    secretsPage: null,
    reportId: new Uint8Array(32),
    hostData: new Uint8Array(32),
    vcekDisabled: false,
    authorKeyEnabled: false,
    idBlock: null,
    idKeyDigest: new Uint8Array(48),
    authorKeyDigest: new Uint8Array(48),
  };
}

/**
 * SNP_DECOMMISSION: the context page is no guest any more, and its keys are gone.
 * Source: AMD 56860, SNP_DECOMMISSION
 */
export function decommission(guest: GuestContext): void {
  Object.assign(guest, createGuest(), { state: 'decommissioned' });
}

/** What every launch command looks at first: is there a guest, and in this state? Source: AMD 56860, SNP_LAUNCH_START. */
export function stateStatus(guest: GuestContext, wanted: GuestContext['state']): FirmwareStatus {
  if (guest.state === 'decommissioned') return FIRMWARE_STATUS.INVALID_GUEST;
  return guest.state === wanted ? FIRMWARE_STATUS.SUCCESS : FIRMWARE_STATUS.INVALID_GUEST_STATE;
}
