import { randomBytes } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import type { QemuFacts } from '../evidence/host-facts.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import { describeFault } from '../firmware/faults.ts';
import { emulatedChip } from '../firmware/machine.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOf, vmmProfileOfHostKernel } from '../measure/vmm-profiles.ts';
import { openQmp } from '../qemu/qmp.ts';
import { type Emulation, emulatedLaunch } from './emulation.ts';
import type { HostEntry } from './hosts-file.ts';
import { emulatedPlatform } from './preflight/emulated-facts.ts';
import { askMachine, askQemu } from './preflight/gather.ts';
import type { Session } from './session.ts';
import { connectWhenThere } from './sockets.ts';
import { startSupervised } from './supervisor.ts';

const PROBE_SECONDS = 30;
const CBITPOS_MAX = 63;

/** The C-bit position as QEMU itself finds it on this host: query-sev-capabilities, which needs KVM and /dev/sev. */
async function askCbitpos(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
  binary: string,
): Promise<number> {
  const directory = `${entry.directory}/run/${randomBytes(5).toString('hex')}`;
  const emulated =
    emulation === null
      ? null
      : await emulatedLaunch(emulation, session, entry.name, `${directory}/fw`, `${entry.directory}/store`);
  const argv = [
    ...[binary, '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'none', '-accel', 'kvm'],
    ...['-qmp', `unix:${directory}/qmp,server=on,wait=off`],
  ];
  const qemu = await startSupervised(session, {
    directory,
    argv: emulated?.wrap(argv) ?? argv,
    environment: emulated?.environment ?? {},
    maxSeconds: PROBE_SECONDS,
    heartbeatSeconds: PROBE_SECONDS,
  });
  let listener: { close(): Promise<void> } | undefined;
  try {
    listener = await emulated?.listen();
    const socket = await connectWhenThere(session, `${directory}/qmp`, qemu.ended, PROBE_SECONDS * 1000);
    if (socket === undefined) {
      const stderr = await session.readFile(`${directory}/stderr`, 4096);
      const said =
        Buffer.from(stderr ?? [])
          .toString('utf8')
          .trim() || 'it said nothing';
      throw new Error(`QEMU ended before it could be asked: ${said}`);
    }
    const qmp = await openQmp(socket, { where: `host ${entry.name}` });
    const { cbitpos } = (await qmp.execute('query-sev-capabilities')) as { cbitpos?: unknown };
    if (typeof cbitpos !== 'number' || !Number.isInteger(cbitpos) || cbitpos < 0 || cbitpos > CBITPOS_MAX) {
      throw new Error(`query-sev-capabilities says cbitpos ${JSON.stringify(cbitpos)}`);
    }
    return cbitpos;
  } finally {
    await qemu.kill();
    await listener?.close();
    await qemu.release();
  }
}

async function findCbitpos(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
  binary: string,
): Promise<number> {
  if (entry.cbitpos !== undefined) return entry.cbitpos;
  try {
    return await askCbitpos(entry, session, emulation, binary);
  } catch (cause) {
    // Only what QEMU answered is about the C-bit; a host that cannot even start it has its own trouble.
    if (cause instanceof HarnessError && !cause.code.startsWith('QMP_')) throw cause;
    const what = cause instanceof HarnessError ? cause.what : cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError({
      code: 'HOST_CBITPOS',
      what: `QEMU could not tell the C-bit position: ${what}`,
      where: `host ${entry.name}`,
      hint: 'are /dev/kvm and /dev/sev accessible to the user there, and is SNP enabled? A host without SNP needs "emulation" in hosts.json',
      cause,
    });
  }
}

/** Asks every QEMU build of a host, side by side. */
async function askBuilds(entry: HostEntry, session: Session): Promise<Record<string, QemuFacts>> {
  const builds = Object.entries(entry.qemu).map(async ([name, path]) => [name, await askQemu(session, path)] as const);
  return Object.fromEntries(await Promise.all(builds));
}

/** Why a build cannot launch SNP guests at all; undefined where it can. */
function unusable(facts: QemuFacts): string | undefined {
  if (facts.trouble !== null) return facts.trouble;
  return facts.snpOptions === null ? `${facts.path} (${facts.version}) does not know sev-snp-guest` : undefined;
}

/** The builds that can launch SNP guests. @throws HarnessError HOST_QEMU where there is none */
function usableBuilds(entry: HostEntry, builds: Readonly<Record<string, QemuFacts>>): HostProvenance['qemu'] {
  const usable = Object.entries(builds).flatMap(([name, facts]) =>
    facts.version === null || unusable(facts) !== undefined
      ? []
      : [[name, { path: facts.path, version: facts.version }] as const],
  );
  if (usable.length > 0) return Object.fromEntries(usable);
  const troubles = Object.entries(builds).map(([name, facts]) => `build "${name}": ${unusable(facts)}`);
  throw new HarnessError({
    code: 'HOST_QEMU',
    what: troubles.join('; '),
    where: `host ${entry.name}`,
    hint: 'see "qemu" of this host in hosts.json; SNP guests need QEMU 9.1 or later',
  });
}

/** Finds out what a host is. @throws HarnessError HOST_QEMU, HOST_CBITPOS, HOST_COMMAND, SSH_*, HOSTS_INVALID */
export async function probeHost(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
): Promise<HostProvenance> {
  const [answers, builds] = await Promise.all([askMachine(session, entry.directory), askBuilds(entry, session)]);
  const qemu = usableBuilds(entry, builds);
  const [first] = Object.values(qemu);
  const cbitpos = await findCbitpos(entry, session, emulation, first?.path ?? 'qemu-system-x86_64');
  const known = emulation === null ? undefined : vmmProfileOfHostKernel(emulation.profile.name);
  const faults = emulation?.faults.map(describeFault) ?? [];
  const platform =
    emulation === null
      ? answers.platform
      : emulatedPlatform(emulation.profile, emulatedChip(entry.name, emulation.platform).platform, cbitpos);
  return {
    name: entry.name,
    kind: emulation === null ? 'hardware' : 'emulated',
    profile: emulation?.profile.name ?? null,
    ...(faults.length === 0 ? {} : { faults }),
    vmmProfile: vmmProfileOf(entry.vmmProfile ?? known ?? DEFAULT_VMM_PROFILE).name,
    kernel: answers.machine.kernel,
    cbitpos,
    qemu,
    facts: { platform, machine: answers.machine, qemu: builds, snphost: answers.snphost },
  };
}
