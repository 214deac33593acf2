import type { Evidence, HostProvenance, LiveProcess } from '../evidence/schema.ts';
import type { Cell } from '../matrix/cell.ts';
import type { GuestChannel } from '../matrix/guest-channel.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import type { SentIdentity } from '../scenarios/scenario.ts';

/** A file under test on the machine of the harness, known by its SHA-256. */
export interface LocalArtifact {
  name: string;
  path: string;
  /** 64 lower-case hex digits. */
  sha256: string;
}

/** One launch, decided; performing it is the host's work. */
export interface LaunchRequest {
  cell: Cell;
  /** Name of the scenario; null: the plain launch of the cell. */
  scenario: string | null;
  /** What is launched with: the policy of the cell, or that of the scenario. */
  guestPolicy: bigint;
  firmware: LocalArtifact;
  firmwareDescriptor: FirmwareDescriptor;
  kernel: LocalArtifact | null;
  initrd: LocalArtifact | null;
  identity: SentIdentity;
  /** 32 bytes. */
  hostData: Uint8Array;
  /** How the reports come out of the guest. */
  guest: GuestChannel;
  /** 64 bytes: the guest must put them into REPORT_DATA. */
  nonce: Uint8Array;
  /** 64 bytes: those of a second report of the same guest. */
  secondNonce: Uint8Array;
  /** Called with what the host sees of QEMU's process while the guest is stopped; absent: it is not looked at. */
  onProcess?: (process: LiveProcess) => void;
}

/** A machine that launches guests, of whatever kind. */
export interface Host {
  readonly name: string;
  provenance(): Promise<HostProvenance>;
  /**
   * Launches one guest, waits for its end and gives back all that it left. A refused launch is evidence, not an error.
   * @throws HarnessError of the codes SSH_*, HOST_*, QEMU_START, QMP_PROTOCOL when the lab failed
   */
  launch(request: LaunchRequest, signal: AbortSignal): Promise<Evidence>;
  close(): Promise<void>;
}
