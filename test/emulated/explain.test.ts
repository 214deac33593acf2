import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';

const OVMF = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports', 'vmlinuz');
const OTHER_KERNEL = join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz');
const QEMU = '/usr/bin/qemu-system-x86_64';
const APPEND = 'console=ttyS0 root=/dev/vda1';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

/** What a host does between the harness and QEMU, and what must be told of it. */
interface Plant {
  name: string;
  /** Shell that changes `$word`, knowing the one before it as `$before`. */
  edit: string;
  kind: 'proof' | 'match';
  cause: string;
  input: string;
  to: RegExp;
}

const after = (option: string, change: string): string => `[ "$before" = ${option} ] && ${change}`;

const PLANTS: readonly Plant[] = [
  { name: 'smp', edit: after('-smp', 'word=3'), kind: 'proof', cause: 'vcpu-count', input: 'vcpus', to: /^3$/ },
  {
    name: 'cpu',
    edit: after('-cpu', 'word=EPYC-Milan'),
    kind: 'proof',
    cause: 'vcpu-type',
    input: 'vcpuType',
    to: /^EPYC-Milan$/,
  },
  {
    name: 'newline',
    edit: after('-append', 'word="$word\n"'),
    kind: 'proof',
    cause: 'cmdline-newline',
    input: 'cmdline',
    to: /vda1\n$/,
  },
  {
    name: 'debug',
    edit: after('-append', 'word="$word agent.debug_console"'),
    kind: 'proof',
    cause: 'cmdline-debug',
    input: 'cmdline',
    to: / agent\.debug_console$/,
  },
  {
    name: 'kernel',
    edit: after('-kernel', `word=${OTHER_KERNEL}`),
    kind: 'proof',
    cause: 'other-kernel',
    input: 'kernel',
    to: /linux-stable\/vmlinuz \(sha256 [0-9a-f]{16}\.\.\.\)$/,
  },
  {
    name: 'hashes',
    edit: 'case $word in sev-snp-guest,*) word=$(printf %s "$word" | sed s/kernel-hashes=on/kernel-hashes=off/) ;; esac',
    kind: 'proof',
    cause: 'kernel-hashes-off',
    input: 'kernelHashes',
    to: /^off$/,
  },
  {
    name: 'firmware',
    edit: after('-bios', 'word=$FOLDER/swapped.fd'),
    kind: 'proof',
    cause: 'other-firmware',
    input: 'firmware',
    to: /swapped\.fd \(sha256 /,
  },
];

/** A QEMU that is not quite the one that was asked for: a wrapper that changes one word. */
async function wrapper({ name, edit }: Plant): Promise<string> {
  const path = join(lab.folder, `qemu-${name}`);
  const lines = [
    '#!/bin/sh',
    `FOLDER=${lab.folder}`,
    'before= left=$#',
    'while [ "$left" -gt 0 ]; do',
    '  word=$1; shift; left=$((left - 1)); next=$word',
    `  { ${edit}; } || :`,
    '  set -- "$@" "$word"; before=$next',
    'done',
    `exec ${QEMU} "$@"`,
    '',
  ];
  await writeFile(path, lines.join('\n'));
  await chmod(path, 0o755);
  return path;
}

function explanationOf(cells: readonly CellFile[], qemu: string): CellFile['explanation'] {
  return cells.find(({ evidence }) => evidence.cell.qemu === qemu)?.explanation;
}

test('what a host changes between the harness and QEMU is proved from the live process, and said once for all cells', async () => {
  const swapped = Buffer.from(await readFile(OVMF));
  swapped.fill(0x5a, 1_000_000, 1_000_064);
  await writeFile(join(lab.folder, 'swapped.fd'), swapped);
  const builds = await Promise.all(PLANTS.map(async (plant) => [plant.name, await wrapper(plant)] as const));
  const hosts = await lab.writeJson('wrapped.json', {
    format: 'snp-conform/hosts@1',
    hosts: [
      {
        ...{ name: 'wrapped', kind: 'local', slots: 2, directory: lab.hostFolder },
        ...{ qemu: { default: QEMU, ...Object.fromEntries(builds) }, emulation: { profile: 'upstream-6.12' } },
      },
    ],
  });
  const matrix = await lab.writeJson('wrapped-matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: OVMF } }, kernel: { backports: { path: KERNEL } } },
    axes: {
      ...{ firmware: ['amdsev'], kernel: ['backports'], append: [APPEND], vcpus: [1], vcpuType: ['EPYC-v4'] },
      qemu: PLANTS.map(({ name }) => name),
    },
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'wrapped');
  expect(run.exitCode, run.stderr).toBe(1);
  for (const { name, kind, cause, input, to } of PLANTS) {
    const explanation = explanationOf(run.cells, name);
    expect(explanation?.explanations[0], name).toMatchObject({ kind, cause });
    expect(
      explanation?.explanations[0]?.changes.map((change) => change.input),
      name,
    ).toEqual([input]);
    expect(explanation?.explanations[0]?.changes[0]?.to, name).toMatch(to);
    expect(run.stdout).toContain(`why (${kind}, ${cause}): `);
  }
  expect(run.junit).toContain('why (proof, cmdline-newline): ');
});

test('what a host kernel measures is searched for, and proved by what the host is', async () => {
  const hosts = await lab.writeHosts([{ name: 'amd', profile: 'amd-6.8', tags: [], slots: 2 }]);
  const matrix = await lab.writeJson('amd-matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: OVMF } } },
    axes: { firmware: ['amdsev'], vcpus: [1, 2], vcpuType: ['EPYC-v4'], guestFeatures: ['0x1'] },
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'amd');
  expect(run.exitCode, run.stderr).toBe(1);
  for (const { explanation, evidence } of run.cells) {
    expect(explanation).toMatchObject({
      direction: 'observed',
      explanations: [
        { changes: [{ input: 'guestFeatures', from: '0x1', to: '0x21' }], kind: 'proof', cause: 'debug-swap' },
      ],
    });
    expect(evidence.probes?.map(({ purpose, state }) => [purpose, state])).toEqual([['report', 'ran']]);
    expect(explanation?.target).toBe(evidence.probes?.[0]?.measurement);
  }
  expect(run.stdout).toMatch(/2 cells: why \(proof, debug-swap\): the host measured guest features 0x21/);
  const off = await lab.run(['--hosts', hosts, '--matrix', matrix, '--explain', 'off'], 'off');
  expect(off.cells.map(({ explanation, evidence }) => [explanation, evidence.probes])).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ]);
});

test('where no guest reports, the firmware is asked about hypotheses, and says which digest it measured', async () => {
  const hosts = await lab.writeJson('mute.json', {
    format: 'snp-conform/hosts@1',
    hosts: [
      {
        ...{ name: 'mute', kind: 'local', slots: 1, directory: lab.hostFolder, qemu: { default: QEMU } },
        emulation: { profile: 'amd-6.8', faults: [{ command: 'SNP_GUEST_REQUEST', status: 'INVALID_PARAM' }] },
      },
    ],
  });
  const matrix = await lab.writeJson('mute-matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: OVMF } } },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'], guestFeatures: ['0x1'] },
    explain: 'oracle',
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'mute');
  const [cell] = run.cells;
  const probes = cell?.evidence.probes ?? [];
  expect(probes[0]).toMatchObject({ purpose: 'report', state: 'ran', measurement: null });
  expect(probes.slice(1, -1).every(({ refusal }) => refusal?.fwError === 11)).toBe(true);
  expect(probes.at(-1)).toMatchObject({ purpose: 'oracle', state: 'refused', refusal: { fwError: 7 } });
  expect(cell?.explanation?.explanations[0]?.changes).toEqual([{ input: 'guestFeatures', from: '0x1', to: '0x21' }]);
});

test('the founding case is launched, refused, explained and corrected on this machine', async () => {
  const { exitCode, stdout } = await lab.command(['demo']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^The founding case, launched here: QEMU /);
  expect(stdout).toContain("SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'");
  expect(stdout).toMatch(/why \(proof, debug-swap\): the host measured guest features 0x21/);
  expect(stdout).toMatch(/4\. Corrected: guest features 0x21\.[\s\S]*pass: \d+ checks passed/);
});
