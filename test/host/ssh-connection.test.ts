import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fingerprint, parseHostKey } from '../../lib/host/known-hosts.ts';
import { offeredAlgorithms } from '../../lib/host/ssh-options.ts';
import { openSshSession } from '../../lib/host/ssh-session.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { openLabSession, sshOptions } from './lab.ts';

let sshd: Sshd;
test.beforeAll(async () => {
  sshd = await startSshd();
});
test.afterAll(async () => {
  await sshd.stop();
});

function print(line: string): string {
  const key = parseHostKey(line);
  return key === undefined ? 'no key' : fingerprint(key.blob);
}

function knownHosts(name: string, text: string): string {
  const path = join(sshd.directory, name);
  writeFileSync(path, text);
  return path;
}

/** A link that can be frozen and cut. */
async function startLink(): Promise<{ port: number; freeze(): void; cut(): void; stop(): void }> {
  const pairs: [Socket, Socket][] = [];
  const server: Server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: sshd.port });
    near.on('error', () => undefined).pipe(far);
    far.on('error', () => undefined).pipe(near);
    pairs.push([near, far]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    freeze: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    cut: () => {
      for (const pair of pairs.flat()) pair.destroy();
    },
    stop: () => {
      for (const pair of pairs.flat()) pair.destroy();
      server.close();
    },
  };
}

test('a pinned host key lets the session in', async () => {
  const session = await openLabSession(sshd);
  expect((await session.run(['echo', 'in'])).stdout).toBe('in\n');
  await session.close();
});

test('known_hosts lets the session in: plain, hashed, and with a key that is not the first choice', async () => {
  const plain = knownHosts('known-plain', `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`);
  const hashed = knownHosts('known-hashed', `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`);
  execFileSync('ssh-keygen', ['-H', '-f', hashed], { stdio: 'ignore' });
  // The server prefers ed25519, and only ecdsa is known.
  const other = knownHosts('known-other', `[127.0.0.1]:${sshd.port} ${sshd.otherHostKeyLine}\n`);
  for (const knownHostsPath of [plain, hashed, other]) {
    const session = await openLabSession(sshd, { hostKey: undefined, knownHostsPath });
    expect((await session.run(['true'])).exitCode).toBe(0);
    await session.close();
  }
});

test('a changed host key is refused with both fingerprints', async () => {
  const stranger = await startSshd();
  const opening = openLabSession(sshd, { hostKey: stranger.hostKeyLine });
  await stranger.stop();
  await expect(opening).rejects.toMatchObject({
    code: 'SSH_HOST_KEY',
    message: expect.stringMatching(/expected ssh-ed25519 SHA256:.*observed ssh-ed25519 SHA256:/),
  });
  await expect(opening).rejects.toMatchObject({
    what: expect.stringContaining(print(stranger.hostKeyLine)),
  });
  await expect(opening).rejects.toMatchObject({ what: expect.stringContaining(print(sshd.hostKeyLine)) });
});

test('an unknown host key is refused, with its fingerprint and the way to add it', async () => {
  // A file that is not there yet knows nobody either.
  for (const knownHostsPath of [knownHosts('known-nothing', ''), join(sshd.directory, 'known-not-yet')]) {
    const opening = openLabSession(sshd, { hostKey: undefined, knownHostsPath });
    await expect(opening).rejects.toMatchObject({
      code: 'SSH_HOST_KEY',
      what: expect.stringContaining(print(sshd.hostKeyLine)),
      hint: expect.stringContaining(`ssh-keyscan -t ed25519 -p ${sshd.port} 127.0.0.1 >> ${knownHostsPath}`),
    });
  }
});

test('with neither a key nor known_hosts nothing is trusted', async () => {
  await expect(openLabSession(sshd, { hostKey: undefined })).rejects.toMatchObject({ code: 'SSH_HOST_KEY' });
});

test('a revoked host key is refused even where it is also known', async () => {
  const name = `[127.0.0.1]:${sshd.port}`;
  const knownHostsPath = knownHosts('known-revoked', `${name} ${sshd.hostKeyLine}\n@revoked * ${sshd.hostKeyLine}\n`);
  await expect(openLabSession(sshd, { hostKey: undefined, knownHostsPath })).rejects.toMatchObject({
    code: 'SSH_HOST_KEY',
    what: expect.stringContaining('revoked'),
  });
});

test('a malformed pinned key is refused before any connection', async () => {
  await expect(openLabSession(sshd, { hostKey: 'ssh-ed25519 x', port: 1 })).rejects.toMatchObject({
    code: 'SSH_HOST_KEY',
  });
});

test('the wrong key, the wrong user, and no key at all are SSH_AUTH', async () => {
  const wrong = join(sshd.directory, 'wrong');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', wrong]);
  for (const changes of [{ privateKeyPath: wrong }, { user: 'nobody-of-that-name' }, { privateKeyPath: undefined }]) {
    await expect(openLabSession(sshd, changes)).rejects.toMatchObject({
      code: 'SSH_AUTH',
      what: expect.stringContaining(changes.user ?? sshd.user),
    });
  }
});

test('a key with a passphrase, and one that is no key, say so', async () => {
  const locked = join(sshd.directory, 'locked');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', locked]);
  const noKey = knownHosts('no-key', 'hello');
  for (const privateKeyPath of [locked, noKey]) {
    await expect(openLabSession(sshd, { privateKeyPath })).rejects.toMatchObject({
      code: 'SSH_AUTH',
      hint: expect.stringContaining('agent'),
    });
  }
});

test('a key or known_hosts that cannot be read is named', async () => {
  const absent = join(sshd.directory, 'absent');
  await expect(openLabSession(sshd, { privateKeyPath: absent })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    what: `the private key ${absent} cannot be read: there is no such file`,
    hint: expect.stringContaining(`ssh-keygen -t ed25519 -f ${absent} && ssh-copy-id -i ${absent}.pub -p ${sshd.port}`),
  });
  const folder = sshd.directory;
  await expect(openLabSession(sshd, { hostKey: undefined, knownHostsPath: folder })).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    what: `the known_hosts file ${folder} cannot be read: it is a directory`,
  });
});

test('an agent lets the session in', async () => {
  const agentSocket = join(sshd.directory, 'agent.sock');
  const agent = execFile('ssh-agent', ['-D', '-a', agentSocket]);
  try {
    const copy = join(sshd.directory, 'for-agent');
    copyFileSync(sshd.userKeyPath, copy);
    chmodSync(copy, 0o600);
    const add = () =>
      new Promise<boolean>((resolve) => {
        execFile('ssh-add', ['-q', copy], { env: { ...process.env, SSH_AUTH_SOCK: agentSocket } }, (error) =>
          resolve(error === null),
        );
      });
    await until('the agent to take the key', add);
    const session = await openLabSession(sshd, { privateKeyPath: undefined, agentSocket });
    expect((await session.run(['true'])).exitCode).toBe(0);
    await session.close();
  } finally {
    agent.kill();
  }
});

test('an agent that is not there is SSH_AUTH', async () => {
  const agentSocket = join(sshd.directory, 'no-agent.sock');
  await expect(openLabSession(sshd, { privateKeyPath: undefined, agentSocket })).rejects.toMatchObject({
    code: 'SSH_AUTH',
  });
});

test('a refused connection is SSH_CONNECT', async () => {
  await expect(openLabSession(sshd, { port: 1 })).rejects.toMatchObject({
    code: 'SSH_CONNECT',
    what: expect.stringContaining('ECONNREFUSED'),
    where: expect.stringContaining('host lab'),
  });
});

test('a server that accepts and says nothing is SSH_CONNECT after the deadline', async () => {
  const mute = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const address = mute.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const started = Date.now();
  await expect(openLabSession(sshd, { port, connectTimeoutMs: 300 })).rejects.toMatchObject({ code: 'SSH_CONNECT' });
  expect(Date.now() - started).toBeLessThan(3000);
  mute.close();
});

test('a server that hangs up, or is no SSH server, is SSH_CONNECT', async () => {
  for (const words of ['', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
    const server = createServer((socket) => socket.on('error', () => undefined).end(words));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(openLabSession(sshd, { port, connectTimeoutMs: 2000 })).rejects.toMatchObject({ code: 'SSH_CONNECT' });
    server.close();
  }
});

test('a cut connection rejects all that is pending with SSH_LOST', async () => {
  const link = await startLink();
  const session = await openSshSession(sshOptions(sshd, { port: link.port }));
  const process = await session.start(['cat']);
  const reading = (async () => {
    for await (const line of process.lines) expect(line).toBe('never');
  })();
  const run = session.run(['sleep', '30']);
  const pending = [run, process.ended, reading].map((promise) => promise.catch((error: unknown) => error));
  process.write('x');
  link.cut();
  for (const error of await Promise.all(pending)) expect(error).toMatchObject({ code: 'SSH_LOST' });
  await expect(session.run(['true'])).rejects.toMatchObject({ code: 'SSH_LOST' });
  await expect(session.start(['true'])).rejects.toMatchObject({ code: 'SSH_LOST' });
  await expect(session.upload('/etc/hostname', '/tmp/x')).rejects.toMatchObject({ code: 'SSH_LOST' });
  process.write('late');
  process.end();
  await session.close();
  link.stop();
});

test('a link that is silent is given up after three unanswered questions', async () => {
  const link = await startLink();
  const session = await openSshSession(sshOptions(sshd, { port: link.port, keepaliveMs: 200 }));
  const run = session.run(['sleep', '30']).catch((error: unknown) => error);
  link.freeze();
  expect(await run).toMatchObject({ code: 'SSH_LOST', what: expect.stringContaining('Keepalive') });
  await session.close();
  link.stop();
});

test('a socket carried over the connection ends when the connection does', async () => {
  const link = await startLink();
  const session = await openSshSession(sshOptions(sshd, { port: link.port }));
  const path = join(sshd.directory, 'carried.sock');
  let served = 0;
  await session.listenUnix(path, (stream) => {
    served += 1;
    stream.on('end', () => {
      served -= 1;
    });
    stream.resume();
  });
  const stream = await session.connectUnix(path);
  const ended = new Promise<void>((resolve) => stream.once('end', resolve));
  stream.resume();
  await until('the connection at the listener', () => served === 1);
  link.cut();
  await ended;
  await until('its end there', () => served === 0);
  await session.close();
  link.stop();
});

test('a server that starts no commands says HOST_COMMAND, and one without files HOST_UPLOAD', async () => {
  const strict = await startSshd(['MaxSessions 0', 'AllowStreamLocalForwarding no']);
  const session = await openLabSession(strict);
  await expect(session.run(['true'])).rejects.toMatchObject({ code: 'HOST_COMMAND' });
  await expect(session.upload('/etc/hostname', '/tmp/x')).rejects.toMatchObject({ code: 'HOST_UPLOAD' });
  await expect(session.connectUnix('/tmp/x')).rejects.toMatchObject({
    code: 'HOST_COMMAND',
    hint: expect.stringContaining('AllowStreamLocalForwarding'),
  });
  await session.close();
  await strict.stop();
});

for (const most of [1, 2]) {
  test(`a server that allows ${most} sessions on a connection is met by more connections, files among them`, async () => {
    const narrow = await startSshd([`MaxSessions ${most}`]);
    const session = await openLabSession(narrow);
    const lasting = await session.start(['sh', '-c', 'echo up; read line; exit 5']);
    const said = Array.from({ length: 9 }, (_, at) => session.run(['sh', '-c', `sleep 0.2; echo ${at}`]));
    const hostname = session.readFile('/etc/hostname', 1000);
    expect((await Promise.all(said)).map(({ stdout }) => Number(stdout))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await hostname).toEqual(new Uint8Array(readFileSync('/etc/hostname')));
    lasting.end();
    expect((await lasting.ended).exitCode).toBe(5);
    await session.close();
    await narrow.stop();
  });
}

test('algorithms of known keys are offered first, SHA-1 signatures never', () => {
  const rsa = { type: 'ssh-rsa', blob: new Uint8Array() };
  expect(offeredAlgorithms([rsa]).slice(0, 2)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  expect(offeredAlgorithms([])[0]).toBe('ssh-ed25519');
  expect(offeredAlgorithms([rsa])).not.toContain('ssh-rsa');
});
