import { randomBytes } from 'node:crypto';
import { HarnessError } from '../../errors.ts';
import { openQmp } from '../../qemu/qmp.ts';
import { type Emulation, emulatedLaunch } from '../emulation.ts';
import type { HostEntry } from '../hosts-file.ts';
import type { Session } from '../session.ts';
import { connectWhenThere } from '../sockets.ts';
import { LAUNCH_VARIABLE, startSupervised } from '../supervisor.ts';

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
    argv,
    environment: { ...entry.environment, ...emulated?.environment, [LAUNCH_VARIABLE]: directory },
    maxSeconds: PROBE_SECONDS,
    heartbeatSeconds: PROBE_SECONDS,
    ...(entry.sudo && { asRoot: 'sudo' }),
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

/**
 * The C-bit position that QEMU is to be told: what hosts.json says, else what QEMU itself finds on the host.
 * @throws HarnessError HOST_CBITPOS, HOST_QEMU, SSH_*
 */
export async function findCbitpos(
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
