import type { Duplex } from 'node:stream';
import type { Chip } from './chip.ts';
import { type Fault, FaultTable } from './faults.ts';
import { playGuest } from './guest.ts';
import { EmulatedDevices } from './kvm/devices.ts';
import type { HostProfile } from './profiles.ts';
import { serveThread } from './relay.ts';

/** What an emulated machine found odd; for the message of a launch that went wrong. */
export interface MachineLog {
  /** Requests that nothing answered. */
  unanswered(): string[];
  /** Errors of connections and of the played guest. */
  errors: string[];
}

/** What one QEMU process of an emulated host runs on. */
export interface EmulatedMachine {
  profile: HostProfile;
  chip: Chip;
  /** The certificate table that the host gives guests with their reports; empty: it has none. */
  certificates: Uint8Array;
  /** Planted defects; their calls are counted from here on. */
  faults: readonly Fault[];
}

/**
 * The /dev/kvm, /dev/sev, firmware and guest of one QEMU process.
 * @returns accept, to be called with each connection of the KVM shim, and what went wrong so far
 */
export function emulatedMachine({ profile, chip, certificates, faults }: EmulatedMachine): {
  accept(stream: Duplex): void;
  log: MachineLog;
} {
  const errors: string[] = [];
  const note = (thrown: unknown): void => void errors.push(thrown instanceof Error ? thrown.message : String(thrown));
  const table = new FaultTable(faults);
  const devices = new EmulatedDevices({ profile, platform: chip.platform, faults: table }, (exits, guest) => {
    playGuest(exits, { guest, chip, certificates, fault: () => table.answer('SNP_GUEST_REQUEST') }).catch(note);
  });
  return {
    accept: (stream) => void serveThread(stream, devices).catch(note),
    log: { unanswered: () => [...devices.unanswered], errors },
  };
}
