import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { hostStatus } from '../../lib/host/housekeeping/housekeeping.ts';
import { LocalSession } from '../../lib/host/local-session.ts';
import { mayMakeMachines } from '../lab/privileges.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { type FinishedRun, Lab, type LabHost, processesWith } from './lab.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
/** Of the only build that a cell of these runs needs; a QEMU starts in its launch directory. */
const MATRIX = {
  format: 'snp-conform/matrix@1',
  artifacts: { firmware: { ovmfx64: { path: 'cache:artifacts/ovmf-x64/OVMF.fd' } } },
  axes: { firmware: ['ovmfx64'], vcpus: [1, 2], vcpuType: ['EPYC-v4'], guestFeatures: ['0x1'] },
  exclude: [{ why: 'one launch is enough', hostTags: ['one-cell'], vcpus: 2 }],
};
const CANARY = 'canary-7f3a91c4';
const DISK_MIB = 96;
const CONSOLE_MIB = 100;

// What is claimed is of one run, which a worker that starts again after a failure would repeat.
test.describe.configure({ mode: 'serial' });

let lab: Lab;
let narrow: Sshd;
let doomed: Sshd;
let small: string;
let run: FinishedRun;
let other: FinishedRun;

/** A QEMU build that does something first. @param script sees QEMU's words as its own */
async function build(name: string, script: string): Promise<string> {
  const path = join(lab.folder, `qemu-${name}`);
  // Preflight asks it what it can do, and is answered at once.
  const launches = `case "$*" in *id=sev0*) ;; *) exec ${QEMU} "$@" ;; esac`;
  await writeFile(path, ['#!/bin/sh', launches, script, ''].join('\n'), { mode: 0o755 });
  return path;
}

/** Only at the first launch with this build. */
const once = (name: string, script: string): string =>
  `if mkdir "${lab.folder}/${name}.done" 2>/dev/null; then\n${script}\nfi\nexec ${QEMU} "$@"`;

const QUICK = { attempts: 2, backoffSeconds: 0.1 };

/** A host with one cell and no host of its kind. */
const host = (name: string, change: Readonly<Record<string, unknown>> = {}, more: Partial<LabHost> = {}): LabHost => ({
  name,
  profile: 'upstream-6.12',
  tags: ['one-cell', name],
  change: { limits: QUICK, ...change },
  ...more,
});

/** What of hosts.json reaches another server than the lab's. */
const over = (sshd: Sshd) => ({ port: sshd.port, privateKey: sshd.userKeyPath, hostKey: sshd.hostKeyLine });

/** Waits until QEMU listens on both of its sockets, then sends it a signal. */
const whenItListens = (signal: string): string =>
  `(while ! [ -S qmp -a -S agent ]; do sleep 0.02; done; kill -${signal} $$) &`;

const NEVER_SPEAKS = `for word; do
  [ "$word" = chardev:agent ] && word=null
  set -- "$@" "$word"
  shift
done
exec ${QEMU} "$@"`;

const LOSES_TRACE = `for word; do
  [ "$before" = -D ] && word=/dev/null
  before=$word
  set -- "$@" "$word"
  shift
done
exec ${QEMU} "$@"`;

const SHOUTS = `yes "$(printf '\\033]0;owned\\007\\033[31m%01000d' 0)" | head -c ${CONSOLE_MIB}M
exec ${QEMU} "$@"`;

const KILLS_SSHD = `p=$$
while [ "$p" -gt 1 ]; do
  read -r name </proc/$p/comm
  case $name in sshd*) kill -KILL "$p"; break ;; esac
  p=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$p/stat)
done`;

const CHANGES_FIRMWARE = `for word; do
  case $word in */OVMF.fd) printf X | dd of="$word" bs=1 seek=2000000 conv=notrunc 2>/dev/null ;; esac
done`;

async function hosts(): Promise<LabHost[]> {
  const builds = {
    stopped: await build('stopped', `${whenItListens('STOP')}\nexec ${QEMU} "$@"`),
    killed: await build('killed', once('killed', whenItListens('KILL'))),
    shot: await build('shot', `${whenItListens('KILL')}\nexec ${QEMU} "$@"`),
    silent: await build('silent', NEVER_SPEAKS),
    loud: await build('loud', SHOUTS),
    untraced: await build('untraced', LOSES_TRACE),
    cut: await build('cut', once('cut', KILLS_SSHD)),
    changed: await build('changed', once('changed', CHANGES_FIRMWARE)),
    full: await build('full', `dd if=/dev/zero of=../../fill bs=1M 2>/dev/null\nexec ${QEMU} "$@"`),
  };
  const busy = (command: string) => ({ emulation: { faults: [{ command, errno: 'EBUSY' }] } });
  return [
    host('shared', {}, { tags: ['shared'] }),
    host('other-key', { hostKey: doomed.otherHostKeyLine }),
    host('nobody', { user: 'nobody-of-this-name' }),
    host('password', { ...over(narrow), privateKey: undefined, password: { env: 'LAB_PASSPHRASE' } }),
    host('sessions', over(narrow)),
    host('cut', over(doomed), { qemu: builds.cut }),
    host('killed', {}, { qemu: builds.killed }),
    host('shot', {}, { qemu: builds.shot }),
    host('stopped', { limits: { attempts: 1, answerSeconds: 15 } }, { qemu: builds.stopped }),
    host('silent', { limits: { ...QUICK, guestSeconds: 2 } }, { qemu: builds.silent }),
    host('loud', {}, { qemu: builds.loud }),
    host('untraced', {}, { qemu: builds.untraced }),
    host('changed', { directory: join(lab.folder, 'changed') }, { qemu: builds.changed }),
    // Nobody's own disk is filled.
    ...(mayMakeMachines() ? [host('full', { directory: join(small, 'snp') }, { qemu: builds.full })] : []),
    host('busy', {}, busy('KVM_SEV_SNP_LAUNCH_START')),
    host('asids', {}, busy('KVM_SEV_INIT2')),
    host('jumped', {
      ...over(narrow),
      privateKey: join(lab.folder, 'locked'),
      passphrase: { env: 'LAB_PASSPHRASE' },
      jump: { address: '127.0.0.1', user: doomed.user, ...over(doomed), privateKey: undefined, agent: true },
    }),
  ];
}

/** A key that only a passphrase opens, and an agent that has the key of the jump host. */
async function plantSecrets(): Promise<{ agentPid: string }> {
  const locked = join(lab.folder, 'locked');
  await writeFile(locked, await readFile(narrow.userKeyPath), { mode: 0o600 });
  execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', CANARY, '-f', locked]);
  const socket = join(lab.folder, `agent-${CANARY}`);
  const said = execFileSync('ssh-agent', ['-s', '-a', socket], { encoding: 'utf8' });
  execFileSync('ssh-add', ['-q', doomed.userKeyPath], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  lab.environment = { SSH_AUTH_SOCK: socket, LAB_PASSPHRASE: CANARY, GITHUB_TOKEN: `token-${CANARY}` };
  return { agentPid: /SSH_AGENT_PID=(\d+)/.exec(said)?.[1] ?? '' };
}

test.describe('one run over hosts that each have a fault of their own', () => {
  let agentPid: string;
  test.beforeAll(async () => {
    lab = await Lab.start();
    [narrow, doomed] = await Promise.all([startSshd(['MaxSessions 2', 'AuthenticationMethods any']), startSshd()]);
    small = join(lab.folder, 'small');
    await mkdir(small);
    if (mayMakeMachines()) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}M`, 'tmpfs', small]);
    ({ agentPid } = await plantSecrets());
    const file = await lab.writeHosts(await hosts());
    const matrix = await lab.writeJson('matrix.json', MATRIX);
    [run, other] = await Promise.all([
      lab.run(['--hosts', file, '--matrix', matrix, '--explain', 'off'], 'faults'),
      lab.run(['--hosts', file, '--matrix', matrix, '--host', 'shared'], 'other'),
    ]);
  });
  test.afterAll(async () => {
    if (agentPid) process.kill(Number(agentPid));
    if (mayMakeMachines()) execFileSync('umount', ['-l', small]);
    await Promise.all([narrow?.stop(), doomed?.stop()]);
    await lab?.stop();
  });

  const cellOf = (name: string): CellFile | undefined => run.cells.find(({ evidence }) => evidence.host.name === name);
  const attemptsOf = (name: string): string[] | undefined =>
    cellOf(name)?.evidence.attempts?.map(({ trouble }) => trouble?.code ?? 'ok');
  /** What JUnit says of the cell of a host. */
  const caseOf = (name: string): string =>
    run.junit.split('<testsuite ').find((part) => part.includes(`hostname="${name}"`)) ?? '';

  test('every cell has a result, of the kind that it is, and none says that what is tested is wrong', () => {
    expect(run.junit).not.toContain('<failure');
    const infrastructure = mayMakeMachines() ? 7 : 6;
    expect(run.stdout, run.junit).toMatch(
      new RegExp(`\\n8 passed, 0 failed, ${infrastructure} infrastructure, 3 configuration\\n?$`),
    );
  });

  for (const name of ['sessions', 'loud', 'jumped']) {
    test(`${name}: works at once`, () => {
      expect(cellOf(name)?.verdict.result, caseOf(name)).toBe('pass');
      expect(attemptsOf(name)).toEqual(['ok']);
    });
  }

  const AGAIN = { cut: 'SSH_LOST', killed: 'QEMU_KILLED', changed: 'HOST_ARTIFACT' };
  for (const [name, code] of Object.entries(AGAIN)) {
    test(`${name}: ${code}, and it works when it is tried again`, () => {
      expect(attemptsOf(name), caseOf(name)).toEqual([code, 'ok']);
      expect(cellOf(name)?.verdict.result).toBe('pass');
      expect(run.stderr).toMatch(
        new RegExp(`^LAB ${name} ovmfx64.*\\(after 2 attempts: ${name} ${code}, ${name} worked\\)`, 'm'),
      );
    });
  }

  const BROKEN = {
    'other-key': /^SSH_HOST_KEY: /,
    nobody: /^SSH_AUTH: /,
    password: /^SSH_AUTH: /,
    shot: /^QEMU_KILLED: .*after 2 attempts/s,
    stopped: /^HOST_TIMEOUT: .*waited 15000 ms for .*QEMU/,
    silent: /^GUEST_SILENT: /,
    full: /^HOST_DISK: /,
    // As when the disk was full for a while.
    untraced: /^LAUNCH_BROKEN: the guest reported, but QEMU.{1,6}s trace ends before its launch/,
    busy: /^LAUNCH_BROKEN: the machine cannot launch: SNP_LAUNCH_START ret=-16/,
    asids: /^LAUNCH_BROKEN: /,
  };
  for (const [name, message] of Object.entries(BROKEN)) {
    test(`${name}: ${message.source.slice(1).split(':', 1)[0]}`, () => {
      test.skip(name === 'full' && !mayMakeMachines(), 'a small disk takes privileges that this process has not');
      const said = /<error message="([^"]*)"/.exec(caseOf(name))?.[1];
      expect(said, run.junit).toMatch(message);
    });
  }

  test('a machine that is busy, and one without an ASID left, are told with what to do about it', () => {
    expect(JSON.stringify(cellOf('busy')?.verdict)).toContain('something that is needed is in use');
    expect(JSON.stringify(cellOf('asids')?.verdict)).toContain('there is no ASID left for another SNP guest');
  });

  test('two controllers on one host take turns: no two guests are there at once', () => {
    expect([other.exitCode, other.stderr]).toEqual([0, expect.any(String)]);
    const mine = run.cells.filter(({ evidence }) => evidence.host.name === 'shared');
    const launches = [...mine, ...other.cells].map(({ evidence: { startedAt, timingsMs } }) => {
      const from = Date.parse(startedAt) + (timingsMs.slot ?? 0);
      return { from, to: from + (timingsMs.guest ?? 0) };
    });
    expect(launches).toHaveLength(4);
    launches.sort((left, right) => left.from - right.from);
    for (const [at, { from }] of launches.entries()) expect(from).toBeGreaterThan(launches[at - 1]?.to ?? 0);
  });

  test('of a console of 100 MB the ends are kept, and no terminal escape reaches anything that is shown', async () => {
    const { console } = cellOf('loud')?.evidence.outcome ?? {};
    expect(console?.length).toBeLessThan(1024 * 1024);
    expect(console).toContain('[more was written here, which was not kept]');
    expect(run.stdout + run.stderr + run.junit).not.toContain('\u001b');
    for (const name of ['summary.md', 'ctrf.json', 'matrix.html']) {
      expect(await readFile(join(lab.folder, 'faults', name), 'utf8'), name).not.toContain('\u001b');
    }
  });

  test('no secret is in anything that was written or said', async () => {
    const written = await readdir(join(lab.folder, 'faults'), { recursive: true, withFileTypes: true });
    const files = written.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(20);
    const key = (await readFile(join(lab.folder, 'locked'), 'utf8')).split('\n')[1] ?? CANARY;
    for (const file of files) {
      const content = await readFile(file, 'latin1');
      expect(content.includes(CANARY) || content.includes(key), file).toBe(false);
    }
    expect(run.stdout + run.stderr).not.toContain(CANARY);
  });

  test('nothing is left: no process, no launch directory, no lock', async () => {
    expect(await processesWith(new RegExp(`${lab.folder}/(host|changed|small)`))).toEqual([]);
    const session = new LocalSession('here');
    const disks = mayMakeMachines() ? [join(small, 'snp')] : [];
    for (const directory of [lab.hostFolder, join(lab.folder, 'changed'), ...disks]) {
      expect(existsSync(directory), directory).toBe(true);
      const { slots, launches } = await hostStatus(session, { directory });
      expect(slots.filter(({ holder }) => holder !== null)).toEqual([]);
      expect(launches).toEqual([]);
    }
    await session.close();
  });
});
