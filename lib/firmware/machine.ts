import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { playGuest } from './guest.ts';
import { EmulatedDevices } from './kvm/devices.ts';
import type { Platform } from './platform.ts';
import type { HostProfile } from './profiles.ts';
import { serveThread } from './relay.ts';
import type { Chip } from './report.ts';

/** The emulated product: Genoa, firmware 1.55.39, all TCBs equal, SMT on. */
const PLATFORM: Omit<Platform, 'chipId'> = {
  apiMajor: 1,
  apiMinor: 55,
  build: 39,
  smtEnabled: true,
  tcb: 0x4817_0000_0000_0009n,
  cpuid: { family: 0x19, model: 0x11, stepping: 0x1 },
};

/** The chip of an emulated host: its identity and VCEK follow from the host's name, so that they last. */
export function emulatedChip(hostName: string): Chip {
  const derive = (use: string): Buffer =>
    createHash('sha512').update(`snp-conform emulated ${use}: ${hostName}`).digest();
  const vcek = derive('VCEK').subarray(0, 48);
  vcek[0] = 0; // keeps the secret below the order of P-384
  return { platform: { ...PLATFORM, chipId: derive('chip') }, vcek };
}

/** What an emulated machine found odd; for the message of a launch that went wrong. */
export interface MachineLog {
  /** Requests that nothing answered. */
  unanswered(): string[];
  /** Errors of connections and of the played guest. */
  errors: string[];
}

/**
 * The /dev/kvm, /dev/sev, firmware and guest of one QEMU process.
 * @returns accept, to be called with each connection of the KVM shim, and what went wrong so far
 */
export function emulatedMachine(profile: HostProfile, chip: Chip): { accept(stream: Duplex): void; log: MachineLog } {
  const errors: string[] = [];
  const note = (thrown: unknown): void => void errors.push(thrown instanceof Error ? thrown.message : String(thrown));
  const devices = new EmulatedDevices(profile, chip.platform, (exits, guest) => {
    playGuest(exits, guest, chip).catch(note);
  });
  return {
    accept: (stream) => void serveThread(stream, devices).catch(note),
    log: { unanswered: () => [...devices.unanswered], errors },
  };
}
