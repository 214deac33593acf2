import type { Parsed } from '../abi/layout.ts';
import { vmsaGpaOf } from '../abi/page-info.ts';
import type { VMSA } from '../abi/vmsa.ts';
import type { FirmwareDescriptor, LaunchInputs } from '../measure/inputs.ts';
import { cmdlineHashOf, NO_INITRD } from '../measure/kernel-hashes.ts';
import type { VmmProfile } from '../measure/vmm-profiles.ts';
import type { LayoutName } from './layouts.ts';

/** Fields of a VMSA that stand in place of what the profile says. */
export type VmsaFields = Partial<Parsed<typeof VMSA>>;

/** All that is measured of a launch, each part by itself, so that a hypothesis is a replacement of parts. */
export interface LaunchState {
  readonly firmware: FirmwareDescriptor;
  /** Where every vCPU starts under an SVSM; null: the guest starts in its firmware. */
  readonly svsmEntry: number | null;
  /** How the sections of the firmware are handed over. */
  readonly layout: LayoutName;
  /** Are the hashes of kernel, initrd and command line in their page? */
  readonly hashesMeasured: boolean;
  /** SHA-256, 32 bytes each. */
  readonly kernelHash: Uint8Array;
  readonly initrdHash: Uint8Array;
  readonly cmdlineHash: Uint8Array;
  readonly profile: VmmProfile;
  /** CPUID 1 EAX; null: not known. */
  readonly signature: number | null;
  readonly features: bigint;
  readonly vmsaGpa: bigint;
  /** Registers that differ from those of the profile, of vCPU 0 and of all others. */
  readonly registers: { readonly boot: VmsaFields; readonly application: VmsaFields } | null;
  readonly vcpus: number;
}

/** A file with a name and its SHA-256. */
export interface NamedFile {
  readonly name: string;
  readonly sha256: Uint8Array;
}

/** A firmware with a name. */
export interface NamedFirmware {
  readonly name: string;
  readonly descriptor: FirmwareDescriptor;
  /** Of an SVSM; absent: it is a firmware. */
  readonly svsmEntry?: number;
}

/** How a file at hand came to be a candidate: it lies there, or it was made from one that does. */
export type FileOrigin =
  | 'at-hand'
  | 'other-variables'
  | 'variables-cut-off'
  | 'variables-joined'
  | 'header-patched'
  | 'header-cleared';

/** A file that the host may have used. Of one that was made from another the hash may be worked out when it is asked for. */
export interface FileAtHand extends NamedFile {
  readonly origin: FileOrigin;
}

/** A firmware that the host may have used. */
export interface FirmwareAtHand extends NamedFirmware {
  readonly origin: FileOrigin;
}

/** What is known when a digest is to be explained: the inputs that were predicted with, and what else is at hand. */
export interface KnownLaunch {
  readonly launch: LaunchInputs;
  readonly firmwareName: string;
  /** Of a guest under an SVSM, whose images `launch.firmware` describes together; absent: it starts in its firmware. */
  readonly svsmEntry?: number;
  /** null: the signature was given, or the VMM needs none. */
  readonly vcpuType: string | null;
  /** Also where their hashes are not measured; null: none is given. */
  readonly kernel: NamedFile | null;
  readonly initrd: NamedFile | null;
  /** Exactly as -append gets it; null: none; undefined: only its hash is known. */
  readonly append: string | null | undefined;
  /** maxcpus of -smp; null: not known. */
  readonly maxVcpus: number | null;
  /** Was the digest after the firmware's pages given by itself? Then its sections may be another build's. */
  readonly pagesDigestGiven: boolean;
  readonly firmwaresAtHand: readonly FirmwareAtHand[];
  readonly kernelsAtHand: readonly FileAtHand[];
  readonly initrdsAtHand: readonly FileAtHand[];
}

const NO_HASH = new Uint8Array(32);

/** The state from which hypotheses depart: what was predicted with. @throws HarnessError APPEND_INVALID */
export function baseState(known: KnownLaunch): LaunchState {
  const { launch, kernel, initrd, append } = known;
  const measured = launch.kernelHashes;
  return {
    firmware: launch.firmware,
    svsmEntry: known.svsmEntry ?? null,
    layout: 'of-the-profile',
    hashesMeasured: measured !== null,
    kernelHash: measured?.kernel ?? kernel?.sha256 ?? NO_HASH,
    initrdHash: measured?.initrd ?? initrd?.sha256 ?? NO_INITRD,
    cmdlineHash: measured?.cmdline ?? cmdlineHashOf(append ?? null),
    profile: launch.profile,
    signature: launch.vcpuSignature,
    features: launch.guestFeatures,
    vmsaGpa: vmsaGpaOf(launch.profile.vmsaAddressBits),
    registers: null,
    vcpus: launch.vcpus,
  };
}
