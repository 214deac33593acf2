import { execFile, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where a server runs, if not simply on this machine. */
export interface SshdPlace {
  /** That it listens on; this machine must reach it. */
  address: string;
  port: number;
  /** The words that bring the server to its place, before its own. @param directory must be there, under the same path */
  enter(directory: string): readonly [string, ...string[]];
}

/** A real OpenSSH server of one test file. */
export interface Sshd {
  address: string;
  port: number;
  /** `ssh-ed25519 AAAA...`, no comment. */
  hostKeyLine: string;
  /** `ecdsa-sha2-nistp256 AAAA...`, the second key of the same server. */
  otherHostKeyLine: string;
  userKeyPath: string;
  user: string;
  /** Own directory of the server, for files of the test. */
  directory: string;
  /** What the server logged so far. */
  log(): string;
  /** Ends the listening server; connections that are up stay up until they end. */
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

async function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
    socket.once('end', () => resolve(false));
  });
}

async function makeKey(path: string, type: 'ed25519' | 'ecdsa'): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test', '-f', path]);
  return (await readFile(`${path}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
}

/**
 * Starts /usr/sbin/sshd with keys and configuration of its own.
 * @param settings further lines of sshd_config, before the others, so that they win
 * @param place 127.0.0.1 of this machine where there is none
 */
export async function startSshd(settings: readonly string[] = [], place?: SshdPlace): Promise<Sshd> {
  // sshd that runs as root insists on its directory for privilege separation.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const directory = await mkdtemp(join(tmpdir(), 'snp-sshd-'));
  const hostKeyLine = await makeKey(join(directory, 'host_ed25519'), 'ed25519');
  const otherHostKeyLine = await makeKey(join(directory, 'host_ecdsa'), 'ecdsa');
  const userKeyPath = join(directory, 'user');
  const authorized = await makeKey(userKeyPath, 'ed25519');
  await writeFile(join(directory, 'authorized_keys'), `${authorized}\n`, { mode: 0o600 });
  const { address, port } = place ?? { address: '127.0.0.1', port: await freePort() };
  const config = [
    ...settings,
    `ListenAddress ${address}:${port}`,
    `HostKey ${join(directory, 'host_ed25519')}`,
    `HostKey ${join(directory, 'host_ecdsa')}`,
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'AuthenticationMethods publickey',
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin prohibit-password',
    'AllowStreamLocalForwarding yes',
    'MaxStartups 100',
    // A second line of a subsystem is an error, and no later one.
    ...(settings.some((line) => line.startsWith('Subsystem ')) ? [] : ['Subsystem sftp internal-sftp']),
    // Bash reads the user's .bashrc for each command that it gets from sshd, unless it is not the first shell: what is in
    // there is no part of a test, and may take longer than the command.
    'SetEnv SHLVL=1',
    'LogLevel VERBOSE',
    '',
  ].join('\n');
  await writeFile(join(directory, 'sshd_config'), config);

  const words = ['/usr/sbin/sshd', '-D', '-e', '-f', join(directory, 'sshd_config')] as const;
  const [program, ...args] = place === undefined ? words : [...place.enter(directory), ...words];
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-256 * 1024);
  });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const deadline = Date.now() + 10_000;
  while (!(await answers(address, port))) {
    if (server.exitCode !== null || Date.now() > deadline) {
      server.kill('SIGKILL');
      throw new Error(`sshd did not come up on port ${port}:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    address,
    port,
    hostKeyLine,
    otherHostKeyLine,
    userKeyPath,
    user: userInfo().username,
    directory,
    log: () => log,
    stop: async () => {
      server.kill('SIGTERM');
      // Children of connections that are still up hold its standard error; the listening process is what counts here.
      server.stderr.destroy();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
