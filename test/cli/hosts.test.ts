import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

/** This machine as a host; QEMU is a script that answers as one does, for these tests need none. */
function hostsFile(name: string, extra: readonly object[] = []): string {
  const qemu = path('qemu');
  const answers = `#!/bin/sh
case "$*" in
*--version*) echo 'QEMU emulator version 10.0.2 (fake)';;
*sev-snp-guest,help*) echo 'sev-snp-guest options:'; echo '  policy=<uint64>';;
*) exit 0;;
esac
`;
  writeFileSync(qemu, answers, { mode: 0o755 });
  const here = { name: 'here', kind: 'local', directory: path('host', 'files'), qemu: { default: qemu }, cbitpos: 51 };
  const file = path(name);
  writeFileSync(
    file,
    JSON.stringify({
      format: 'snp-conform/hosts@1',
      hosts: [{ ...here, emulation: { profile: 'upstream-6.12' } }, ...extra],
    }),
  );
  return file;
}

/** A key that nobody knows, so that the host itself is not the first to say no. */
function newKey(name: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path(name)]);
  return path(name);
}

const unreachable = (name: string, changes: object = {}) => ({
  ...{ name, kind: 'ssh', address: '127.0.0.1', port: 1, user: 'nobody', hostKey: HOST_KEY },
  ...changes,
});
const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5l0mXy0v0bqYy1f5m3z3b6b9w0Z2b7a0r5r7c1m3aZ';

test('a host that is ready is told in one row, and the exit code is 0', async () => {
  const run = await runHere(['hosts', 'check', '--hosts', hostsFile('ready.json')]);
  expect(run.stderr).toBe('');
  expect(run.stdout).toMatch(/^host +state +platform.*\nhere +ready +emulated upstream-6\.12 +1\.55\.39 /);
  expect(run.exitCode).toBe(0);
});

test('a host that is down is the lab’s fault, a wrong key file is that of hosts.json; each is named with its way out', async () => {
  const down = unreachable('down', { privateKey: newKey('key') });
  const lab = await runHere(['hosts', 'check', '--hosts', hostsFile('down.json', [down])]);
  expect(lab.exitCode).toBe(3);
  expect(lab.stdout).toMatch(/host down: out\n +error: SSH_CONNECT: .*\n +fix: is the host up/);
  const wrong = unreachable('wrong', { privateKey: path('no-such-key') });
  const config = await runHere(['hosts', 'check', '--hosts', hostsFile('wrong.json', [wrong, down])]);
  expect(config.exitCode).toBe(2);
  expect(config.stdout).toMatch(/host wrong: out\n +error: FILE_UNREADABLE: /);
  expect(config.stdout).toMatch(/^here +ready/m);
});

test('the JSON says the same, and a name that is no host is refused', async () => {
  const file = hostsFile('json.json', [unreachable('down', { privateKey: newKey('key2') })]);
  const json = await runHere(['hosts', 'check', 'here', '--hosts', file, '--json']);
  expect(json.exitCode).toBe(0);
  expect(JSON.parse(json.stdout)).toMatchObject({
    format: 'snp-conform/hosts-check@1',
    hosts: [{ name: 'here', state: 'ready', facts: { qemu: { default: { version: '10.0.2 (fake)' } } } }],
  });
  const unknown = await runHere(['hosts', 'check', 'hre', '--hosts', file]);
  expect([unknown.exitCode, unknown.stdout]).toEqual([2, '']);
  expect(unknown.stderr).toContain('USAGE: no host named hre');
});

test('what changes a machine needs both consents: of the command line and of the host', async () => {
  const file = hostsFile('do.json');
  const unasked = await runHere(['hosts', 'do', 'reboot', 'here', '--hosts', file]);
  expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining('--allow-destructive')]);
  const unconsented = await runHere(['hosts', 'do', 'reboot', 'here', '--hosts', file, '--allow-destructive']);
  expect([unconsented.exitCode, unconsented.stderr]).toEqual([2, expect.stringContaining('DESTRUCTIVE_REFUSED')]);
  const odd = ['hosts', 'do', 'tcb-config', 'here', '--hosts', file, '--allow-destructive'];
  expect((await runHere(odd)).stderr).toContain('--reported-tcb belongs to tcb-config');
});

test('status and clean of a host on which nothing ran find nothing', async () => {
  const file = hostsFile('status.json');
  const status = await runHere(['hosts', 'status', '--hosts', file]);
  expect([status.exitCode, status.stdout]).toEqual([0, 'host here: 0 slots taken, 0 launches, 0 artifacts (0 KiB)\n']);
  const clean = await runHere(['hosts', 'clean', '--hosts', file, '--yes']);
  expect([clean.exitCode, clean.stdout]).toEqual([0, 'host here: 0 leftovers\n']);
});

test('the facts of an emulated host are those of the platform that it passes for', async () => {
  const file = hostsFile('turin.json', [
    {
      ...{
        name: 'turin',
        kind: 'local',
        directory: path('host', 'turin'),
        qemu: { default: path('qemu') },
        cbitpos: 51,
      },
      emulation: { profile: 'upstream-6.18', product: 'Turin', sockets: 2, smt: false },
    },
  ]);
  const { stdout } = await runHere(['hosts', 'check', 'turin', '--hosts', file, '--json']);
  const platform = { source: 'emulation', product: 'Turin', sockets: 2, smtActive: false };
  expect(JSON.parse(stdout)).toMatchObject({ hosts: [{ facts: { platform } }] });
});
