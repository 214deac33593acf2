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
import type { Attestor } from './attestor.ts';
import { readHostReport } from './host-reports.ts';
import { Launcher, MatrixArtifacts } from './launcher.ts';
import { openAttestor } from './open-attestor.ts';
import type { EvidenceSource } from './outcome.ts';
import { packageRoot } from './package-root.ts';
import type { LoadedPlan, Plan } from './plan.ts';
import { Replayer } from './replayer.ts';

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

/**
 * Opens the host of a name in a plan.
 * @throws HarnessError of the codes SSH_*, HOSTS_INVALID, NATIVE_BUILD
 */
export async function openHost(loaded: LoadedPlan, name: string, cacheFolder: string): Promise<EvidenceSource> {
  const { source } = loaded;
  if (source.kind === 'replay') return new Replayer(name, source.recording);
  const entry = source.entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new HarnessError({ code: 'HOSTS_INVALID', what: `no host named "${name}"` });
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  const emulation = await emulationOf(entry, cacheFolder);
  const report = readHostReport(loaded.plan.runDirectory, name);
  const host = new QemuHost({
    entry,
    session: await openHostSession(entry),
    emulation,
    provenance: (report && provenanceOf(report)) ?? null,
    slots: report?.slots.usable ?? entry.slots,
    holder: holderOf(loaded.plan),
  });
  let attestor: Promise<Attestor> | undefined;
  return new Launcher(host, artifacts, source.reference, {
    fromHost: entry.attestation.suppliesCertificates,
    attestor: () => {
      attestor ??= openAttestor(entry, loaded.plan, emulation, cacheFolder);
      return attestor;
    },
  });
}
