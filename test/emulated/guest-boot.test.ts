import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { AGENT_VERSION } from '../../lib/guest/agent-script.ts';
import { converse, noWords } from '../../lib/guest/conversation.ts';
import { runCli } from '../support/cli.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';

const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports');
const BOOT_MS = 120_000;

let folder: string;
test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snp-boot-'));
});
test.afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The agent's serial port, as soon as QEMU listens. */
async function agentSocket(path: string): Promise<Socket> {
  let socket: Socket | undefined;
  await until('the socket of the serial port', async () => {
    const tried = connect(path);
    socket = await new Promise<Socket | undefined>((resolve) => {
      tried.once('connect', () => resolve(tried));
      tried.once('error', () => resolve(undefined));
    });
    return socket !== undefined;
  });
  if (socket === undefined) throw new Error('no socket');
  return socket;
}

test('a Debian kernel boots the initrd; without SNP the guest says so in the protocol, and powers off', async () => {
  const initrd = join(folder, 'agent.img');
  const options = { '--kernel-modules': join(KERNEL, 'modules'), '--out': initrd };
  const busybox = ['--busybox', join(ARTIFACTS_FOLDER, 'busybox-static', 'busybox')];
  const made = await runCli(['guest-initrd', ...busybox, ...Object.entries(options).flat()]);
  expect(made, made.stderr).toMatchObject({ exitCode: 0 });

  const agent = join(folder, 'agent');
  const console = join(folder, 'console.log');
  const qemu = execa(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg', '-machine', 'q35', '-cpu', 'max', '-smp', '1', '-m', '512M'],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-S', '-monitor', 'stdio'],
      ...['-kernel', join(KERNEL, 'vmlinuz'), '-initrd', initrd, '-append', 'console=ttyS0 panic=-1'],
      ...['-serial', `file:${console}`, '-serial', `unix:${agent},server=on,wait=off`],
    ],
    { reject: false, timeout: BOOT_MS, input: 'cont\n' },
  );
  const line = await agentSocket(agent);
  const words = noWords();
  await converse(line, [randomBytes(64), randomBytes(64)], AbortSignal.timeout(BOOT_MS), words);
  const { exitCode } = await qemu;
  line.destroy();
  const seen = await readFile(console, 'latin1');
  expect(words, seen.slice(-2000)).toMatchObject({ ready: true, about: { agent: AGENT_VERSION } });
  expect(words.about?.kernel).toMatch(/^6\.\d+\.\d+.*-amd64$/);
  for (const answer of words.answers) {
    expect(answer).toMatchObject({ report: null, error: expect.stringContaining('no SNP guest device') });
    expect(answer.error).toMatch(/sev_guest\.ko.*No such device/);
  }
  expect(exitCode, 'QEMU ends because the guest powered off').toBe(0);
  expect(seen).toContain('Power down');
});
