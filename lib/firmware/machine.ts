import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type Fault, FaultTable } from './faults.ts';
import { playGuest } from './guest.ts';
import { EmulatedDevices } from './kvm/devices.ts';
import { makePlatform, type PlatformOptions } from './products.ts';
import type { HostProfile } from './profiles.ts';
import { serveThread } from './relay.ts';
import type { Chip } from './report.ts';

/** Bytes of CHIP_ID that a Turin chip uses; the rest is zero. Source: AMD 56860, ATTESTATION_REPORT, CHIP_ID. */
const TURIN_CHIP_ID_BYTES = 8;

/** The chip of an emulated host: its identity and VCEK follow from the host's name, so that they last. */
export function emulatedChip(hostName: string, options: PlatformOptions = {}): Chip {
  const derive = (use: string): Buffer =>
    createHash('sha512').update(`snp-conform emulated ${use}: ${hostName}`).digest();
  const vcek = derive('VCEK').subarray(0, 48);
  vcek[0] = 0; // keeps the secret below the order of P-384
  const platform = makePlatform(options);
  const chipId = derive('chip');
  if (platform.product === 'Turin') chipId.fill(0, TURIN_CHIP_ID_BYTES);
  return { platform: { ...platform, chipId }, vcek };
}

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
  /** Planted defects; their calls are counted from here on. */
  faults: readonly Fault[];
}

/**
 * The /dev/kvm, /dev/sev, firmware and guest of one QEMU process.
 * @returns accept, to be called with each connection of the KVM shim, and what went wrong so far
 */
export function emulatedMachine({ profile, chip, faults }: EmulatedMachine): {
  accept(stream: Duplex): void;
  log: MachineLog;
} {
  const errors: string[] = [];
  const note = (thrown: unknown): void => void errors.push(thrown instanceof Error ? thrown.message : String(thrown));
  const table = new FaultTable(faults);
  const devices = new EmulatedDevices({ profile, platform: chip.platform, faults: table }, (exits, guest) => {
    playGuest(exits, guest, chip, () => table.answer('SNP_GUEST_REQUEST')).catch(note);
  });
  return {
    accept: (stream) => void serveThread(stream, devices).catch(note),
    log: { unanswered: () => [...devices.unanswered], errors },
  };
}
