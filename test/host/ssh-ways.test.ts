import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HarnessError } from '../../lib/errors.ts';
import { type HostEntry, loadHosts } from '../../lib/host/hosts-file.ts';
import { openHostSession } from '../../lib/host/open-session.ts';
import { preflightHost } from '../../lib/host/preflight/preflight.ts';
import { TreePacker } from '../../lib/host/qemu-tree.ts';
import type { Session } from '../../lib/host/session.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { rejection, until } from '../support/until.ts';

const PASSPHRASE = 'canary-of-a-passphrase';

let target: Sshd;
let jump: Sshd;
let folder: string;
test.beforeAll(async () => {
  [target, jump] = await Promise.all([startSshd(), startSshd()]);
  folder = mkdtempSync(join(tmpdir(), 'snp-ways-'));
});
test.afterAll(async () => {
  await Promise.all([target.stop(), jump.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** How a server of the tests is reached, as hosts.json has it. */
function access(sshd: Sshd, change: object = {}): object {
  const { port, user, userKeyPath, hostKeyLine } = sshd;
  return { address: '127.0.0.1', port, user, privateKey: userKeyPath, hostKey: hostKeyLine, ...change };
}

/** A host as hosts.json describes it. */
function entryOf(entry: object, environment: NodeJS.ProcessEnv = {}): HostEntry {
  const path = join(folder, 'hosts.json');
  const hosts = [{ name: 'lab', kind: 'ssh', ...entry }];
  writeFileSync(path, JSON.stringify({ format: 'snp-conform/hosts@1', hosts }));
  const [host] = loadHosts(path, environment, folder);
  if (host === undefined) throw new Error('no host');
  return host;
}

async function open(entry: object, environment: NodeJS.ProcessEnv = {}): Promise<Session> {
  return openHostSession(entryOf(entry, environment), environment);
}

async function said(session: Session): Promise<string> {
  try {
    return (await session.run(['echo', 'in'])).stdout;
  } finally {
    await session.close();
  }
}

/** A copy of the user's key with a passphrase. */
function lockedKey(): string {
  const path = join(folder, 'locked');
  writeFileSync(path, readFileSync(target.userKeyPath), { mode: 0o600 });
  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', PASSPHRASE, '-f', path]);
  return path;
}

test('a host behind a jump host is reached, and both connections end with the session', async () => {
  const session = await open({ ...access(target), jump: access(jump) });
  const connections = () => jump.log().match(/Accepted publickey/g)?.length ?? 0;
  expect(connections()).toBe(1);
  expect(await said(session)).toBe('in\n');
  await until('the jump host to see its connection end', () => /Disconnected from user/.test(jump.log()));
});

test('more commands than one connection takes go over further ones, each over the jump host', async () => {
  const session = await open({ ...access(target), jump: access(jump) });
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, at) => session.run(['sh', '-c', `sleep 0.3; echo ${at}`])),
  );
  expect(results.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 20 }, (_, at) => at));
  await session.close();
});

test('the key of the jump host is checked as that of the host is, and a trouble names which of them it is of', async () => {
  const [ofJump, ofTarget] = [
    { ...access(target), jump: access(jump, { hostKey: target.hostKeyLine }) },
    { ...access(target, { hostKey: jump.hostKeyLine }), jump: access(jump) },
  ];
  expect(await rejection(open(ofJump))).toMatchObject({
    code: 'SSH_HOST_KEY',
    where: expect.stringContaining('its jump host'),
  });
  const refused = (await rejection(open(ofTarget))) as HarnessError;
  expect(refused.code).toBe('SSH_HOST_KEY');
  expect(refused.where).not.toContain('jump');
});

test('a jump host that is down, and one that does not reach the host, are SSH_CONNECT', async () => {
  const down = { ...access(target), jump: access(jump, { port: 1 }) };
  expect(await rejection(open(down))).toMatchObject({
    code: 'SSH_CONNECT',
    where: expect.stringContaining('its jump host'),
  });
  const beyond = { ...access(target, { port: 1 }), jump: access(jump) };
  expect(await rejection(open(beyond))).toMatchObject({
    code: 'SSH_CONNECT',
    what: expect.stringContaining('does not reach 127.0.0.1:1'),
  });
});

test('a key with a passphrase is opened with the secret that the environment or a file holds', async () => {
  const privateKey = lockedKey();
  const file = join(folder, 'passphrase');
  writeFileSync(file, `${PASSPHRASE}\n`);
  const withEnv = access(target, { privateKey, passphrase: { env: 'LAB_PASSPHRASE' } });
  expect(await said(await open(withEnv, { LAB_PASSPHRASE: PASSPHRASE }))).toBe('in\n');
  expect(await said(await open(access(target, { privateKey, passphrase: { file: 'passphrase' } })))).toBe('in\n');
});

test('a missing or wrong passphrase is told without the one that was tried', async () => {
  const privateKey = lockedKey();
  const reference = access(target, { privateKey, passphrase: { env: 'LAB_PASSPHRASE' } });
  const unset = (await rejection(open(reference))) as HarnessError;
  expect([unset.code, unset.what]).toEqual([
    'HOSTS_INVALID',
    'the passphrase: $LAB_PASSPHRASE is not set in the environment',
  ]);
  const wrong = (await rejection(open(reference, { LAB_PASSPHRASE: 'canary-of-a-wrong-one' }))) as HarnessError;
  expect(wrong.code).toBe('SSH_AUTH');
  expect(wrong.message).not.toContain('canary');
});

test('a secret that is written into hosts.json itself is refused', async () => {
  const thrown = (await rejection(open(access(target, { password: 'canary' })))) as HarnessError;
  expect(thrown).toBeInstanceOf(HarnessError);
  expect(thrown.what).toContain('hosts[0].password: expected { "env": "NAME" } or { "file": "path" }');
  expect(thrown.message).not.toContain('canary');
});

test('with the check of host keys off, any key is believed, and preflight says so', async () => {
  const unchecked = access(target, { hostKey: undefined, hostKeyCheck: 'off' });
  expect(await said(await open(unchecked))).toBe('in\n');
  const { findings } = await preflightHost(entryOf(unchecked), {
    open: (entry) => openHostSession(entry, {}),
    emulationOf: async () => null,
    trees: new TreePacker(folder),
    now: () => new Date(0),
  });
  expect(findings).toContainEqual(expect.objectContaining({ what: expect.stringContaining('NOT CHECKED') }));
});

test('a server without a file channel is told by preflight, before anything is to be brought there', async () => {
  const bare = await startSshd(['Subsystem sftp /bin/false']);
  try {
    const { state, findings } = await preflightHost(entryOf(access(bare)), {
      open: (entry) => openHostSession(entry, {}),
      emulationOf: async () => null,
      trees: new TreePacker(folder),
      now: () => new Date(0),
    });
    expect(state).not.toBe('ready');
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'error', code: 'HOST_UPLOAD', fix: expect.stringContaining('Subsystem sftp') }),
    );
  } finally {
    await bare.stop();
  }
});
