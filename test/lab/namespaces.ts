import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../support/until.ts';
import { command } from './command.ts';
import { type Sshd, type SshdPlace, startSshd } from './sshd.ts';

const PREFIX = 'snp-test-';
const SSH_PORT = 22;
/** The kernel's own devices are in reach; what is written goes to memory, so that the root stays as it was unpacked. */
const ENTER_ROOT = `
root=$1 directory=$2
shift 2
for name in proc sys dev; do mount --rbind "/$name" "$root/$name"; done
for name in run tmp var/tmp root; do mount -t tmpfs -o size=512M tmpfs "$root/$name"; done
mkdir -p "$root/run/sshd" "$root$directory"
mount --bind "$directory" "$root$directory"
exec chroot "$root" "$@"
`;

/** A machine of the test lab: a network of its own, an OpenSSH server in it, and one cable to this machine. */
export interface NetHost {
  readonly sshd: Sshd;
  /** Pulls the cable, or plugs it in. */
  setLink(state: 'up' | 'down'): Promise<void>;
  /** Lets only so much through, in either direction. @param rate as tc writes it: `100mbit` */
  setRate(rate: string): Promise<void>;
  stop(): Promise<void>;
}

/** A cable that takes its time and loses some of what it carries. */
export interface SlowLink {
  /** Of every packet, in either direction. */
  delayMs: number;
  lossPerMille: number;
}

/** Makes the two ends of a cable, that of this machine and that of the other. @returns what takes it away */
async function makeCable(outer: string, inner: string, name: string, slow?: SlowLink): Promise<() => Promise<unknown>> {
  if (slow === undefined) {
    await command(['ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name]);
    return () => command(['ip', 'link', 'delete', outer]);
  }
  const folder = await mkdtemp(join(tmpdir(), 'snp-link-'));
  const program = join(folder, 'slow-link');
  const source = fileURLToPath(new URL('slow-link.c', import.meta.url));
  await command(['cc', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  const ends = [outer, inner, `/run/netns/${name}`, String(slow.delayMs), String(slow.lossPerMille)];
  const relay = spawn(program, ends, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(relay.stdout, 'data'),
    once(relay, 'exit').then(() => Promise.reject(new Error('slow-link ended before it was ready'))),
  ]);
  return async () => {
    const ended = once(relay, 'exit');
    relay.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
}

let made = 0;

/** Removes the namespaces of tests whose process was killed. */
async function sweep(): Promise<void> {
  const names = (await command(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ', 1)[0] ?? '');
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await command(['ip', 'netns', 'delete', name]).catch(() => '');
  }
}

/** A network of two addresses that nobody else uses: of 100.64.0.0/10. Source: RFC 6598. */
function network(pid: number, number: number): { here: string; there: string } {
  const at = (pid * 8 + (number % 8)) % 0x10_0000;
  const [second, third, fourth] = [64 + (at >> 14), (at >> 6) & 0xff, (at & 0x3f) * 4];
  return { here: `100.${second}.${third}.${fourth + 1}`, there: `100.${second}.${third}.${fourth + 2}` };
}

/**
 * Starts a machine of the test lab; needs root.
 * @param root of its file system; null: that of this machine   @param settings further lines of its sshd_config
 */
export async function startNetHost(
  root: string | null,
  settings: readonly string[] = [],
  slow?: SlowLink,
): Promise<NetHost> {
  await sweep();
  const number = made++;
  const name = `${PREFIX}${process.pid}-${number}`;
  const [outer, inner] = [`st${process.pid}o${number}`, `st${process.pid}i${number}`];
  const { here, there } = network(process.pid, number);
  await command(['ip', 'netns', 'add', name]);
  const removeCable = await makeCable(outer, inner, name, slow);
  await command(['ip', 'address', 'add', `${here}/30`, 'dev', outer]);
  await command(['ip', 'link', 'set', outer, 'up']);
  const inside = ['ip', '-netns', name] as const;
  await command([...inside, 'address', 'add', `${there}/30`, 'dev', inner]);
  await command([...inside, 'link', 'set', inner, 'up']);
  await command([...inside, 'link', 'set', 'lo', 'up']);
  const place: SshdPlace = {
    address: there,
    port: SSH_PORT,
    enter: (directory) => [
      ...(['ip', 'netns', 'exec', name] as const),
      ...(root === null ? [] : ['sh', '-c', ENTER_ROOT, 'enter', root, directory]),
    ],
  };
  const remove = async (): Promise<void> => {
    await removeCable().catch(() => '');
    await command(['ip', 'netns', 'delete', name]);
  };
  const sshd = await startSshd(settings, place).catch(async (thrown: unknown) => {
    await remove();
    throw thrown;
  });
  return {
    sshd,
    setLink: async (state) => void (await command([...inside, 'link', 'set', inner, state])),
    setRate: async (rate) => {
      const shape = ['root', 'tbf', 'rate', rate, 'burst', '128kb', 'latency', '50ms'];
      await command(['tc', 'qdisc', 'replace', 'dev', outer, ...shape]);
      await command(['tc', '-netns', name, 'qdisc', 'replace', 'dev', inner, ...shape]);
    },
    stop: async () => {
      await sshd.stop();
      await remove();
    },
  };
}
