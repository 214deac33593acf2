import type { Duplex } from 'node:stream';
import type { Authority } from '../firmware/authority.ts';
import { type Chip, emulatedChip } from '../firmware/chip.ts';
import type { Fault } from '../firmware/faults.ts';
import { hostCertificates } from '../firmware/host-cache.ts';
import { emulatedMachine, type MachineLog } from '../firmware/machine.ts';
import type { HostCache } from '../firmware/platform.ts';
import type { PlatformOptions } from '../firmware/products.ts';
import type { HostProfile } from '../firmware/profiles.ts';
import { ensureArtifact } from './artifact-store.ts';
import type { LocalArtifact } from './host.ts';
import type { Session } from './session.ts';

/** An emulated host: the kernel and the platform that it passes for, and the shim that its QEMU gets. */
export interface Emulation {
  profile: HostProfile;
  platform: PlatformOptions;
  /** What the host gives guests with their reports, and whose certificates these are. */
  hostCertificates: HostCache;
  authority: () => Promise<Authority>;
  /** Planted defects. */
  faults: readonly Fault[];
  shim: LocalArtifact;
}

/** What makes one QEMU process run on emulated devices. */
export interface EmulatedLaunch {
  environment: Record<string, string>;
  /** Opens the firmware's socket on the host, in the launch directory, which the supervisor makes: the shim waits for it. */
  listen(): Promise<{ close(): Promise<void> }>;
  log: MachineLog;
}

/** The certificate table of the host. An authority is only asked for where it signs something. */
async function cachedCertificates({ hostCertificates: cache, authority }: Emulation, chip: Chip): Promise<Uint8Array> {
  return cache === 'empty' ? new Uint8Array() : hostCertificates(cache, await authority(), chip, new Date());
}

/**
 * The emulated machine of one QEMU process. The firmware runs in this process and is reached through a socket that the
 * session forwards: the far end needs QEMU and the shim, nothing else.
 * @param socketPath of the firmware, on the host   @param store where artifacts go on the host
 */
export async function emulatedLaunch(
  emulation: Emulation,
  session: Session,
  hostName: string,
  socketPath: string,
  store: string,
): Promise<EmulatedLaunch> {
  const shim = await ensureArtifact(session, store, emulation.shim);
  const { profile, platform, faults } = emulation;
  const chip = emulatedChip(hostName, platform);
  const machine = emulatedMachine({ profile, chip, certificates: await cachedCertificates(emulation, chip), faults });
  return {
    environment: { LD_PRELOAD: shim, SNP_CONFORM_FIRMWARE: socketPath },
    listen: () => session.listenUnix(socketPath, (stream: Duplex) => machine.accept(stream)),
    log: machine.log,
  };
}
