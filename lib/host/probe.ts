import { randomBytes } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOf, vmmProfileOfHostKernel } from '../measure/vmm-profiles.ts';
import { openQmp } from '../qemu/qmp.ts';
import { type Emulation, emulatedLaunch, emulationProvenance } from './emulation.ts';
import type { HostEntry } from './hosts-file.ts';
import type { Session } from './session.ts';
import { connectWhenThere } from './sockets.ts';
import { startSupervised } from './supervisor.ts';

const PROBE_SECONDS = 30;
const CBITPOS_MAX = 63;

/** What a QEMU binary says of itself. @throws HarnessError HOST_QEMU */
async function qemuVersion(session: Session, path: string, name: string): Promise<string> {
  const where = `host ${session.name}, QEMU build "${name}"`;
  const { exitCode, stdout, stderr } = await session.run([path, '--version'], { timeoutMs: 20_000 });
  const version = /^QEMU emulator version (\S[^\n]*)/m.exec(stdout)?.[1];
  if (exitCode !== 0 || version === undefined) {
    const what = `${path} --version failed with exit code ${exitCode}: ${(stderr || stdout).trim().slice(0, 300)}`;
    throw new HarnessError({ code: 'HOST_QEMU', what, where, hint: 'see "qemu" of this host in hosts.json' });
  }
  const snp = await session.run([path, '-object', 'sev-snp-guest,help'], { timeoutMs: 20_000 });
  if (snp.exitCode !== 0) {
    throw new HarnessError({
      code: 'HOST_QEMU',
      what: `${path} (${version}) does not know sev-snp-guest`,
      where,
      hint: 'SNP guests need QEMU 9.1 or later',
    });
  }
  return version;
}

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

async function findCbitpos(entry: HostEntry, session: Session, emulation: Emulation | null): Promise<number> {
  if (entry.cbitpos !== undefined) return entry.cbitpos;
  const [binary] = Object.values(entry.qemu);
  try {
    return await askCbitpos(entry, session, emulation, binary ?? 'qemu-system-x86_64');
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

/** Finds out what a host is. @throws HarnessError HOST_QEMU, HOST_CBITPOS, HOST_COMMAND, SSH_*, HOSTS_INVALID */
export async function probeHost(
  entry: HostEntry,
  session: Session,
  emulation: Emulation | null,
): Promise<HostProvenance> {
  const kernel = await session.run(['uname', '-srm']);
  const qemu: HostProvenance['qemu'] = {};
  for (const [name, path] of Object.entries(entry.qemu)) {
    qemu[name] = { path, version: await qemuVersion(session, path, name) };
  }
  const known = emulation === null ? undefined : vmmProfileOfHostKernel(emulation.profile.name);
  return {
    name: entry.name,
    kind: emulation === null ? 'hardware' : 'emulated',
    profile: emulation?.profile.name ?? null,
    ...(emulation === null ? {} : { emulation: emulationProvenance(emulation) }),
    vmmProfile: vmmProfileOf(entry.vmmProfile ?? known ?? DEFAULT_VMM_PROFILE).name,
    kernel: kernel.stdout.trim(),
    cbitpos: await findCbitpos(entry, session, emulation),
    qemu,
  };
}
