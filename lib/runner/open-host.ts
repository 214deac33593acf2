import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { HarnessError } from '../errors.ts';
import { provenanceOf } from '../evidence/host-report.ts';
import type { Authority } from '../firmware/authority.ts';
import { findHostProfile, HOST_PROFILES, type HostProfile } from '../firmware/profiles.ts';
import { emulatedAuthority } from '../host/authority-store.ts';
import type { Emulation } from '../host/emulation.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { builtKvmShim } from '../host/kvm-shim.ts';
import { openHostSession } from '../host/open-session.ts';
import { QemuHost } from '../host/qemu-host.ts';
import { TreePacker } from '../host/qemu-tree.ts';
import type { Attestor } from './attestor.ts';
import { readHostReport } from './host-reports.ts';
import { Launcher, type MatrixArtifacts } from './launcher.ts';
import { openAttestor } from './open-attestor.ts';
import { packageRoot } from './package-root.ts';
import type { Plan } from './plan.ts';
import type { Reference } from './reference.ts';

/** The KVM shim of this package, built at first use. @throws HarnessError NATIVE_BUILD */
export function kvmShim(cacheFolder: string): ReturnType<typeof builtKvmShim> {
  return builtKvmShim(join(packageRoot(), 'native', 'kvm-shim.c'), join(cacheFolder, 'native'));
}

function profileOf(entry: HostEntry): HostProfile | null {
  if (entry.emulation === undefined) return null;
  const profile = findHostProfile(entry.emulation.profile);
  if (profile !== undefined) return profile;
  throw new HarnessError({
    code: 'HOSTS_INVALID',
    what: `unknown emulation profile "${entry.emulation.profile}"`,
    where: `host ${entry.name}`,
    hint: `known: ${HOST_PROFILES.map((row) => row.name).join(', ')}`,
  });
}

/** Says before anything is launched if a host names an emulation profile that is none. @throws HarnessError HOSTS_INVALID */
export function checkEmulation(entries: readonly HostEntry[]): void {
  for (const entry of entries) profileOf(entry);
}

/** What makes the guests of an emulated host run; null for SNP hardware. @throws HarnessError NATIVE_BUILD, HOSTS_INVALID */
export async function emulationOf(entry: HostEntry, cacheFolder: string): Promise<Emulation | null> {
  const profile = profileOf(entry);
  if (profile === null || entry.emulation === undefined) return null;
  const { emulation } = entry;
  let authority: Promise<Authority> | undefined;
  return {
    profile,
    platform: emulation,
    hostCertificates: emulation.hostCertificates,
    authority: () => {
      authority ??= emulatedAuthority(cacheFolder, emulation.product);
      return authority;
    },
    faults: emulation.faults,
    shim: await kvmShim(cacheFolder),
  };
}

/** Who launches: for people who wait for a slot, or find one taken. */
function holderOf(plan: Plan): string {
  const { username } = userInfo();
  return `${username}@${hostname()} pid ${process.pid} run ${plan.runId ?? 'without a name'}`;
}

/** What a run is of, beyond the host that one opens. */
export interface HostsRun {
  plan: Plan;
  artifacts: MatrixArtifacts;
  reference: Reference;
  cacheFolder: string;
}

/**
 * Opens a host of a run; its connection is made when it is first needed.
 * @throws HarnessError HOSTS_INVALID, NATIVE_BUILD
 */
export async function openHost(entry: HostEntry, run: HostsRun): Promise<Launcher> {
  const emulation = await emulationOf(entry, run.cacheFolder);
  const report = readHostReport(run.plan.runDirectory, entry.name);
  const host = new QemuHost({
    entry,
    open: () => openHostSession(entry),
    emulation,
    trees: new TreePacker(run.cacheFolder),
    provenance: (report && provenanceOf(report)) ?? null,
    slots: report?.slots.usable ?? entry.slots,
    holder: holderOf(run.plan),
  });
  let attestor: Promise<Attestor> | undefined;
  return new Launcher(host, run.artifacts, run.reference, {
    fromHost: entry.attestation.suppliesCertificates,
    issuer: emulation === null ? 'AMD' : 'emulated',
    signsWith: entry.attestation.cspId !== undefined || entry.emulation?.vlek !== undefined ? 'VLEK' : 'VCEK',
    attestor: () => {
      attestor ??= openAttestor(entry, run.plan, emulation, run.cacheFolder);
      return attestor;
    },
  });
}
