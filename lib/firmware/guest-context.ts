/** The guest context page (GCTX), as far as launches and reports need it. */
export interface GuestContext {
  state: 'init' | 'launch' | 'running';
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
