import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from '../../lib/cache.ts';
import { EXIT_CODES, HarnessError } from '../../lib/errors.ts';
import { projectPath } from '../support/paths.ts';
import { command } from './command.ts';
import { newerQemu } from './newer-root.ts';

// The recordings that ship, made anew: `node --import tsx test/lab/record-fixtures.ts [name...]`, after `npm run setup`.
// fixtures/recordings/README.md says what each of them is.

/** Everything that hosts and guests leave stands in the evidence with its path: a place that any machine may have. */
const FOLDER = '/var/tmp/snp-conform-recordings';
/** A key that opens nothing: nobody listens where it is offered. */
const USER_KEY = join(FOLDER, 'id');
const QEMU = '/usr/bin/qemu-system-x86_64';
const RUN_MS = 60 * 60_000;

type Host = Readonly<Record<string, unknown>>;

/** One recording: what is launched, and how such a run ends. */
interface Fixture {
  hosts: (qemu: { newer: string; dying: string }) => readonly Host[];
  matrix: string | Readonly<Record<string, unknown>>;
  arguments?: readonly string[];
  exitCode: number;
}

function host(name: string, profile: string, tag: string, more: Host = {}): Host {
  const { emulation, ...fields } = more as { emulation?: Host };
  const base = { name, kind: 'local', slots: 2, tags: [tag], directory: join(FOLDER, 'host'), qemu: { default: QEMU } };
  return { ...base, emulation: { profile, ...emulation }, ...fields };
}

/** The two hosts that the example matrix is for. */
const exampleHosts = (more: Host = {}): Host[] => [
  host('emulated-upstream', 'upstream-6.12', 'features-0x1', more),
  host('emulated-amd', 'amd-6.8', 'features-0x21', more),
];

const EXAMPLE = projectPath('matrix.example.json');

/** One firmware and kernel, as the tests of refusals and of the lab need. */
const SMALL = {
  format: 'snp-conform/matrix@1',
  artifacts: {
    firmware: { amdsev: { path: 'cache:artifacts/ovmf-amdsev/OVMF.amdsev.fd' } },
    kernel: { 'linux-backports': { path: 'cache:artifacts/linux-backports/vmlinuz' } },
  },
  axes: {
    firmware: ['amdsev'],
    kernel: ['linux-backports'],
    append: ['console=ttyS0'],
    guestFeatures: ['0x1', '0x21'],
    vcpus: [1, 2],
    vcpuType: ['EPYC-v4', 'EPYC-Milan'],
  },
  exclude: [
    { why: 'this host kernel leaves DebugSwap off', hostTags: ['features-0x1'], guestFeatures: '0x21' },
    { why: 'this host kernel turns DebugSwap on', hostTags: ['features-0x21'], guestFeatures: '0x1' },
  ],
};

const FIXTURES: Readonly<Record<string, Fixture>> = {
  'example-matrix': { hosts: () => exampleHosts(), matrix: EXAMPLE, exitCode: EXIT_CODES.ok },
  'example-matrix-qemu-11': {
    hosts: ({ newer }) => exampleHosts({ qemu: { default: newer } }),
    matrix: EXAMPLE,
    exitCode: EXIT_CODES.ok,
  },
  'negative-suites': {
    hosts: () => exampleHosts({ emulation: { hostCertificates: 'present' } }),
    matrix: SMALL,
    arguments: ['--suite', 'identity', 'policy', 'attestation'],
    exitCode: EXIT_CODES.ok,
  },
  'lab-trouble': {
    hosts: ({ dying }) => [
      host('emulated-upstream', 'upstream-6.12', 'features-0x1'),
      // KVM refuses what it grants at other times: another program holds the last encryption key.
      host('emulated-busy', 'upstream-6.12', 'features-0x1', {
        emulation: { faults: [{ command: 'KVM_SEV_SNP_LAUNCH_START', errno: 'EBUSY' }] },
      }),
      // QEMU is killed while it launches, as by the kernel where memory is short.
      host('emulated-oom', 'amd-6.8', 'features-0x21', { qemu: { default: dying } }),
      { ...host('unreachable', 'upstream-6.12', 'features-0x1'), ...UNREACHABLE },
    ],
    matrix: SMALL,
    exitCode: EXIT_CODES.infrastructure,
  },
};

/** Port 9 of this machine: nobody listens. */
const UNREACHABLE = {
  kind: 'ssh',
  address: '127.0.0.1',
  port: 9,
  user: 'snp',
  privateKey: USER_KEY,
  hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
};

/** A QEMU that is killed a moment after it began. */
async function dyingQemu(): Promise<string> {
  const path = join(FOLDER, 'qemu-that-is-killed');
  const lines = ['#!/bin/bash', `case "$*" in *-S*) (sleep 0.2; kill -KILL $$) & ;; esac`, `exec ${QEMU} "$@"`];
  await writeFile(path, `${lines.join('\n')}\n`);
  await chmod(path, 0o755);
  return path;
}

async function record(name: string, fixture: Fixture, qemu: { newer: string; dying: string }): Promise<void> {
  const hostsFile = join(FOLDER, 'hosts.json');
  const matrixFile = join(FOLDER, 'matrix.json');
  await writeFile(hostsFile, JSON.stringify({ format: 'snp-conform/hosts@1', hosts: fixture.hosts(qemu) }));
  if (typeof fixture.matrix !== 'string') await writeFile(matrixFile, JSON.stringify(fixture.matrix));
  const matrix = typeof fixture.matrix === 'string' ? fixture.matrix : matrixFile;
  const output = projectPath('fixtures', 'recordings', `${name}.emulated.jsonl.gz`);
  const files = ['--hosts', hostsFile, '--matrix', matrix, '--out', join(FOLDER, name), '--record', output];
  const { exitCode } = await execa(projectPath('bin', 'snp-conform'), ['run', ...files, ...(fixture.arguments ?? [])], {
    reject: false,
    timeout: RUN_MS,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (exitCode === fixture.exitCode) return;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the run was to end with exit code ${fixture.exitCode}, and ended with ${exitCode}`,
    where: name,
  });
}

await mkdir(FOLDER, { recursive: true });
await rm(USER_KEY, { force: true });
await command(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', USER_KEY]);
const newer = join(FOLDER, 'qemu-newer');
await rm(newer, { force: true });
await symlink(await newerQemu(cacheDirectory(process.env, homedir())), newer);
const names = process.argv.slice(2);
for (const [name, fixture] of Object.entries(FIXTURES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  await record(name, fixture, { newer, dying: await dyingQemu() });
}
