import type { HostProvenance } from '../../lib/evidence/schema.ts';
import type { Platform } from '../../lib/firmware/platform.ts';
import { makePlatform, type PlatformOptions } from '../../lib/firmware/products.ts';
import { findHostProfile, type HostProfile } from '../../lib/firmware/profiles.ts';
import { emulatedPlatform } from '../../lib/host/preflight/emulated-facts.ts';
import { machineFacts } from '../../lib/host/preflight/machine-facts.ts';

/** An emulated host: what it is, and what its evidence says of it. */
export interface MadeHost {
  profile: HostProfile;
  platform: Platform;
  provenance: HostProvenance;
}

/** An emulated host of a profile, with chosen things of its platform. */
export function madeHost(profileName: string, options: PlatformOptions = {}): MadeHost {
  const profile = findHostProfile(profileName);
  if (profile === undefined) throw new Error(`no profile ${profileName}`);
  const platform = { ...makePlatform(options), chipId: new Uint8Array(64) };
  // Of the machine below an emulated host nothing is known here, and nothing follows from it.
  const machine = machineFacts(new Map());
  return {
    profile,
    platform,
    provenance: {
      name: 'made',
      kind: 'emulated',
      profile: profileName,
      vmmProfile: 'qemu-init2',
      kernel: 'Linux 5.10 x86_64',
      cbitpos: 51,
      qemu: { default: { path: '/usr/bin/qemu-system-x86_64', version: '10.0' } },
      facts: { platform: emulatedPlatform(profile, platform, 51), machine, qemu: {}, snphost: null },
    },
  };
}
