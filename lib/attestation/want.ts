import type { KdsProduct } from '../abi/products.ts';
import type { PlatformInfoBit } from '../abi/report-bits.ts';
import type { TcbVersion } from '../abi/tcb.ts';
import type { GuestPolicyBit } from '../identity/guest-policy.ts';
import type { FirmwareVersion } from './firmware-version.ts';
import type { UnknownVersions } from './report.ts';

/** The TCBs of a report. */
export const REPORT_TCBS = ['reported', 'committed', 'current', 'launch'] as const;
export type ReportTcb = (typeof REPORT_TCBS)[number];

/** What a report must say to be the one that was wanted. What is not named is not asked for, and said to be so. */
export interface Wanted {
  /** REPORT_DATA, 64 bytes: the nonce, or what binds a key. */
  reportData?: Uint8Array | undefined;
  /** MEASUREMENT, 48 bytes: the launch digest. */
  measurement?: Uint8Array | undefined;
  /** HOST_DATA, 32 bytes. */
  hostData?: Uint8Array | undefined;
  /** POLICY, all 64 bits. */
  policy?: bigint | undefined;
  /** Bits of POLICY that must be set, and that must be clear. */
  policySet?: readonly GuestPolicyBit[] | undefined;
  policyClear?: readonly GuestPolicyBit[] | undefined;
  /** The least firmware API that POLICY must ask for. */
  policyAbi?: { major: number; minor: number } | undefined;
  /** VMPL, exactly. */
  vmpl?: number | undefined;
  /** ID_KEY_DIGEST and AUTHOR_KEY_DIGEST, 48 bytes: one of these. */
  idKeyDigests?: readonly Uint8Array[] | undefined;
  authorKeyDigests?: readonly Uint8Array[] | undefined;
  /** A launch with an ID block, whosever; with an author key, whosever. */
  idBlock?: 'required' | undefined;
  authorKey?: 'required' | undefined;
  /** FAMILY_ID and IMAGE_ID, 16 bytes. */
  familyId?: Uint8Array | undefined;
  imageId?: Uint8Array | undefined;
  /** The least GUEST_SVN. */
  minGuestSvn?: number | undefined;
  /** REPORT_ID, 32 bytes: one guest instance. */
  reportId?: Uint8Array | undefined;
  /** REPORT_ID_MA, 32 bytes; `none`: no migration agent. */
  reportIdMa?: Uint8Array | 'none' | undefined;
  /** CHIP_ID, 64 bytes: one of these machines. */
  chipIds?: readonly Uint8Array[] | undefined;
  /** The cloud provider of the VLEK, as its certificate names it. */
  cspId?: string | undefined;
  product?: KdsProduct | undefined;
  signingKey?: 'VCEK' | 'VLEK' | undefined;
  /** The least security patch level of each component of each TCB. */
  minTcb?: Partial<Record<ReportTcb, TcbVersion>> | undefined;
  /** Firmware that is not committed, so that the host could still roll back. */
  provisional?: 'refused' | undefined;
  /** The least firmware versions. */
  minFirmware?: FirmwareVersion | undefined;
  minCommittedFirmware?: FirmwareVersion | undefined;
  /** Bits of PLATFORM_INFO that must be set, and that must be clear. */
  platformSet?: readonly PlatformInfoBit[] | undefined;
  platformClear?: readonly PlatformInfoBit[] | undefined;
  /** Bits of PLATFORM_INFO and bytes of the TCBs that have no meaning known here. */
  unknownBits?: 'refused' | undefined;
  /** Bits that must be set in the mitigation vectors. */
  launchMitVector?: bigint | undefined;
  currentMitVector?: bigint | undefined;
}

/** What is let pass in the question whether a report is genuine; nothing by default. */
export interface Allowances {
  /** A VCEK's report whose CHIP_ID the host masked. */
  maskedChipId?: 'allowed' | undefined;
  /** Reports of a version after the newest known. */
  unknownVersions?: UnknownVersions | undefined;
}
