import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';
import { after, QEMU, sed, wrappedQemu } from './wrapped-qemu.ts';

const OVMF = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports', 'vmlinuz');
const OTHER_KERNEL = join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz');
const APPEND = 'console=ttyS0 root=PARTLABEL=root_A ro quiet';

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

/** A change of the word after -append. */
const cmdline = (name: string, cause: string, word: string, to: RegExp): Plant => ({
  ...{ name, cause: `cmdline-${cause}`, edit: after('-append', `word=${word}`), kind: 'proof', input: 'cmdline', to },
});

/** Another file in place of one that was sent. */
const file = (name: string, cause: string, option: string, path: string): Plant => {
  const input = { '-kernel': 'kernel', '-initrd': 'initrd', '-bios': 'firmware' }[option] ?? option;
  const to = new RegExp(`${basename(path)} \\(sha256 [0-9a-f]{16}\\.\\.\\.\\)$`);
  return { name, cause, edit: after(option, `word=${path}`), kind: 'proof', input, to };
};

/** Another word in place of that of an option. */
const word = (name: string, cause: string, input: string, option: string, to: string): Plant => ({
  ...{ name, cause, input, edit: after(option, `word=${to}`), kind: 'proof', to: new RegExp(`^${to}$`) },
});

const ALL_PLANTS: readonly Plant[] = [
  word('smp', 'vcpu-count', 'vcpus', '-smp', '3'),
  word('one-vcpu', 'boot-vcpu-only', 'vcpus', '-smp', '1'),
  word('cpu', 'vcpu-type', 'vcpuType', '-cpu', 'EPYC-Milan'),
  word('stepping', 'vcpu-signature', 'vcpuType', '-cpu', 'EPYC-v4,stepping=9'),
  cmdline('newline', 'newline', '"$word\n"', /quiet\n$/),
  cmdline('space', 'spaces', '"$word "', /quiet $/),
  cmdline('quotes', 'quotes', `"'$word'"`, /^'.*'$/),
  cmdline('absent', 'absent', '', /^$/),
  cmdline('debug', 'debug', '"$word agent.debug_console"', / agent\.debug_console$/),
  cmdline('other-word', 'tokens', sed('s/quiet/splash/'), /ro splash$/),
  cmdline('slot', 'slot', sed('s/root_A/root_B/'), /root_B ro quiet$/),
  cmdline('order', 'order', sed('s/\\(.*\\) quiet/quiet \\1/'), /^quiet .* ro$/),
  cmdline('cut', 'cut', sed('s/ root.*//'), /^console=ttyS0$/),
  cmdline('loader', 'of-the-guest', '"initrd=initrd $word"', /^initrd=initrd /),
  file('kernel', 'other-kernel', '-kernel', OTHER_KERNEL),
  file('initrd', 'other-initrd', '-initrd', '$FOLDER/other-initrd'),
  file('no-initrd', 'initrd-absent', '-initrd', '$FOLDER/empty-initrd'),
  file('firmware', 'other-firmware', '-bios', '$FOLDER/swapped.fd'),
  {
    name: 'hashes',
    edit: `case $word in sev-snp-guest,*) word=${sed('s/kernel-hashes=on/kernel-hashes=off/')} ;; esac`,
    kind: 'proof',
    cause: 'kernel-hashes-off',
    input: 'kernelHashes',
    to: /^off$/,
  },
];

/** One of each way to plant in every run, since each costs two launches; all with SNP_CONFORM_SOAK=1. */
const FEW = ['smp', 'newline', 'firmware', 'hashes'];
const soaking = tries(0, 1) > 0;
const PLANTS = ALL_PLANTS.filter(({ name }) => soaking || FEW.includes(name));

const wrapper = ({ name, edit }: Plant): Promise<string> => wrappedQemu(lab.folder, name, edit);

function explanationOf(cells: readonly CellFile[], qemu: string): CellFile['explanation'] {
  return cells.find(({ evidence }) => evidence.cell.qemu === qemu)?.explanation;
}

test('what a host changes between the harness and QEMU is proved from the live process, and said once for all cells', async () => {
  const swapped = Buffer.from(await readFile(OVMF));
  swapped.fill(0x5a, 1_000_000, 1_000_064);
  await writeFile(join(lab.folder, 'swapped.fd'), swapped);
  for (const name of ['initrd', 'other-initrd']) await writeFile(join(lab.folder, name), name);
  await writeFile(join(lab.folder, 'empty-initrd'), '');
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
    artifacts: {
      firmware: { amdsev: { path: OVMF } },
      ...{ kernel: { backports: { path: KERNEL } }, initrd: { small: { path: join(lab.folder, 'initrd') } } },
    },
    axes: {
      ...{ firmware: ['amdsev'], kernel: ['backports'], initrd: ['small'], append: [APPEND] },
      ...{ vcpus: [2], vcpuType: ['EPYC-v4'] },
      qemu: PLANTS.map(({ name }) => name),
    },
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'wrapped');
  expect(run.exitCode, run.stderr).toBe(1);
  expect(PLANTS.length).toBeGreaterThanOrEqual(FEW.length);
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
  const hosts = await lab.writeHosts([{ name: 'amd', profile: 'amd-6.8', tags: [] }]);
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
});

/** Hosts that are not what they are predicted as, or whose QEMU gets more than was asked for; and what must be told of each. */
const ALL_MISTAKEN: readonly {
  host: string;
  entry: object;
  features?: string;
  changes: readonly string[];
  cause: string;
}[] = [
  {
    host: 'newer',
    entry: { emulation: { profile: 'amd-6.8' }, vmmProfile: 'qemu-init2' },
    changes: ['guestFeatures 0x1 -> 0x21', 'vmmProfile qemu-init2 -> qemu-pre-init2'],
    cause: 'debug-swap',
  },
  ...['gce', 'krun', 'ec2-2026-04'].map((vmmProfile) => ({
    ...{ host: vmmProfile, entry: { vmmProfile }, cause: 'other-vmm' },
    changes: [`vmmProfile ${vmmProfile} -> qemu-init2`],
  })),
  ...[
    ['0x201', 'secure-tsc'],
    ['0x9', 'injection'],
    ['0x4001', 'guest-features'],
  ].map(([features = '', cause = '']) => ({
    ...{ host: cause, entry: {}, features, cause },
    changes: [`guestFeatures ${features} -> 0x1`],
  })),
];

const MISTAKEN = ALL_MISTAKEN.filter(({ host }) => soaking || ['newer', 'gce', 'secure-tsc'].includes(host));

test('hosts that are predicted as others, in profile and guest features, are named for what they are', async () => {
  const features = [...new Set(MISTAKEN.map((one) => one.features ?? '0x1'))];
  const hosts = await lab.writeJson('mistaken.json', {
    format: 'snp-conform/hosts@1',
    hosts: MISTAKEN.map(({ host, entry, features: own = '0x1' }) => ({
      ...{ name: host, kind: 'local', slots: 1, directory: lab.hostFolder, qemu: { default: QEMU }, tags: [own] },
      ...{ emulation: { profile: 'upstream-6.12' }, ...entry },
    })),
  });
  const matrix = await lab.writeJson('mistaken-matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: OVMF } } },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'], guestFeatures: features },
    exclude: features.map((own) => ({
      ...{ why: 'predicted of other hosts', guestFeatures: own },
      hostTags: features.filter((other) => other !== own),
    })),
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'mistaken');
  expect(run.exitCode, run.stderr).toBe(1);
  for (const { host, changes, cause } of MISTAKEN) {
    const cell = run.cells.find(({ evidence }) => evidence.host.name === host);
    const [first] = cell?.explanation?.explanations ?? [];
    expect(first?.cause, host).toBe(cause);
    expect(
      first?.changes.map(({ input, from, to }) => `${input} ${from} -> ${to}`),
      host,
    ).toEqual(changes);
  }
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
