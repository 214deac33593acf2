import { randomBytes } from 'node:crypto';
import { sha384 } from '@noble/hashes/sha2.js';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { ALGO_ECDSA_P384_SHA384, ID_AUTH } from '../abi/id-auth.ts';
import { ID_BLOCK } from '../abi/id-block.ts';
import { parseLayout, serialiseLayout } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_INFO, PAGE_TYPE } from '../abi/page-info.ts';
import { SECRETS_PAGE } from '../abi/secrets-page.ts';
import { HarnessError } from '../errors.ts';
import { keyIsUsable, signatureHolds } from './signatures.ts';

/** What the emulated platform is: the values that launches and reports depend on. */
export interface Platform {
  apiMajor: number;
  apiMinor: number;
  build: number;
  smtEnabled: boolean;
  /** TCB_VERSION, the same for current, committed, reported and launch. */
  tcb: bigint;
  /** 64 bytes. */
  chipId: Uint8Array;
  /** CPUID family, model, stepping as a report gives them. */
  cpuid: { family: number; model: number; stepping: number };
}

/** A page that the hypervisor asks the firmware to measure and take over. */
export interface LaunchPage {
  pageType: number;
  gpa: bigint;
  /** 4096 bytes. */
  contents: Uint8Array;
}

export interface LaunchFinish {
  /** 96 and 4096 bytes; null: ID_BLOCK_EN is 0. */
  idBlock: Uint8Array | null;
  idAuth: Uint8Array | null;
  authorKeyEnabled: boolean;
  vcekDisabled: boolean;
  /** 32 bytes. */
  hostData: Uint8Array;
}

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

const POLICY_SMT = 1n << 16n;
const POLICY_RESERVED_ONE = 1n << 17n;
/** Bits 26 and up are reserved in ABI 1.58. Source: AMD 56860, guest policy. */
const POLICY_RESERVED = ~((1n << 26n) - 1n);

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

/** SNP_LAUNCH_START, in the firmware's order of checks. Source: AMD 56860, SNP_LAUNCH_START. */
export function launchStart(guest: GuestContext, platform: Platform, policy: bigint): FirmwareStatus {
  if (guest.state !== 'init') return FIRMWARE_STATUS.INVALID_GUEST_STATE;
  const minor = Number(policy & 0xffn);
  const major = Number((policy >> 8n) & 0xffn);
  const abiTooOld = major > platform.apiMajor || (major === platform.apiMajor && minor > platform.apiMinor);
  const allowed =
    (policy & POLICY_RESERVED_ONE) !== 0n &&
    (policy & POLICY_RESERVED) === 0n &&
    !(platform.smtEnabled && (policy & POLICY_SMT) === 0n) &&
    !abiTooOld;
  if (!allowed) return FIRMWARE_STATUS.POLICY_FAILURE;
  guest.policy = policy;
  guest.vmpcks = [0, 1, 2, 3].map(() => new Uint8Array(randomBytes(32)));
  guest.reportId = new Uint8Array(randomBytes(32));
  guest.state = 'launch';
  return FIRMWARE_STATUS.SUCCESS;
}

/** Page types whose contents are hashed; the others contribute 48 zero bytes. */
const HASHED_TYPES: readonly number[] = [PAGE_TYPE.NORMAL, PAGE_TYPE.VMSA];
const KNOWN_TYPES: readonly number[] = Object.values(PAGE_TYPE);

/** Source: AMD 56860, secrets page. */
function secretsPage(guest: GuestContext, platform: Platform): Uint8Array {
  const [vmpck0, vmpck1, vmpck2, vmpck3] = guest.vmpcks;
  if (vmpck0 === undefined || vmpck1 === undefined || vmpck2 === undefined || vmpck3 === undefined) {
    throw new HarnessError({ code: 'INTERNAL', what: 'a secrets page before SNP_LAUNCH_START' });
  }
  const { family, model, stepping } = platform.cpuid;
  const familyModelStepping = (family << 16) | (model << 8) | stepping;
  return serialiseLayout(
    SECRETS_PAGE,
    { version: 3, familyModelStepping, vmpck0, vmpck1, vmpck2, vmpck3 },
    'secrets page',
  );
}

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

const equalBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** The ID block checks, in the firmware's own order; the first that fails is the answer. */
function checkIdBlock(guest: GuestContext, finish: LaunchFinish): FirmwareStatus {
  if (finish.idBlock === null || finish.idAuth === null) return FIRMWARE_STATUS.SUCCESS;
  const block = parseLayout(ID_BLOCK, finish.idBlock, 'ID block');
  const auth = parseLayout(ID_AUTH, finish.idAuth, 'ID auth', { reserved: 'keep' });
  if (!equalBytes(block.launchDigest, guest.launchDigest)) return FIRMWARE_STATUS.BAD_MEASUREMENT;
  if (block.policy !== guest.policy) return FIRMWARE_STATUS.POLICY_FAILURE;
  if (auth.idKeyAlgo !== ALGO_ECDSA_P384_SHA384) return FIRMWARE_STATUS.INVALID_PARAM;
  if (finish.authorKeyEnabled && auth.authKeyAlgo !== ALGO_ECDSA_P384_SHA384) return FIRMWARE_STATUS.INVALID_PARAM;
  if (!keyIsUsable(auth.idKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!signatureHolds(auth.idBlockSig, finish.idBlock, auth.idKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!finish.authorKeyEnabled) return FIRMWARE_STATUS.SUCCESS;
  if (!keyIsUsable(auth.authorKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!signatureHolds(auth.idKeySig, auth.idKey, auth.authorKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  return FIRMWARE_STATUS.SUCCESS;
}

/**
 * SNP_LAUNCH_FINISH: checks the ID block and lets the guest run. On failure the guest stays in launch.
 * Source: AMD 56860, SNP_LAUNCH_FINISH.
 */
export function launchFinish(guest: GuestContext, finish: LaunchFinish): FirmwareStatus {
  if (guest.state !== 'launch') return FIRMWARE_STATUS.INVALID_GUEST_STATE;
  const status = checkIdBlock(guest, finish);
  if (status !== FIRMWARE_STATUS.SUCCESS) return status;
  if (finish.idBlock !== null && finish.idAuth !== null) {
    const block = parseLayout(ID_BLOCK, finish.idBlock, 'ID block');
    const auth = parseLayout(ID_AUTH, finish.idAuth, 'ID auth', { reserved: 'keep' });
    guest.idBlock = { familyId: block.familyId, imageId: block.imageId, guestSvn: block.guestSvn };
    guest.idKeyDigest = sha384(auth.idKey);
    if (finish.authorKeyEnabled) guest.authorKeyDigest = sha384(auth.authorKey);
  }
  guest.authorKeyEnabled = finish.authorKeyEnabled;
  guest.vcekDisabled = finish.vcekDisabled;
  guest.hostData = Uint8Array.from(finish.hostData);
  guest.state = 'running';
  return FIRMWARE_STATUS.SUCCESS;
}
