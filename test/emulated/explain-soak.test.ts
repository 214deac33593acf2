import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';
import { added, QEMU, sed, wrappedQemu } from './wrapped-qemu.ts';

// Plants that need a matrix of their own, each two launches and more. Two kinds of causes are planted in test/explain only:
// page orders other than these, since QEMU hands pages over in one, and registers other than the FPU state, since those of a
// VMSA are what QEMU resets a vCPU to, whatever its command line says.
test.skip(tries(0, 1) === 0, 'planted with SNP_CONFORM_SOAK=1');

const OVMF = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports', 'vmlinuz');
const APPEND = 'console=ttyS0 ro quiet';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

interface Planted {
  name: string;
  /** What a wrapper does to the command line of QEMU; absent: nothing. */
  edit?: string;
  /** What the host passes for, and as what it is predicted. */
  profile?: string;
  vmmProfile?: string;
  /** Is the cell one with a kernel? */
  kernel: string | null;
  guestFeatures?: string;
  kind: 'proof' | 'match';
  cause: string;
  changes: readonly (readonly [input: string, from: string | null, to: RegExp])[];
}

const kernelOn = `case $word in sev-snp-guest,*) word=${sed('s/kernel-hashes=off/kernel-hashes=on/')} ;; esac`;

const PLANTS: readonly Planted[] = [
  {
    ...{ name: 'kernel-added', kernel: null, kind: 'proof', cause: 'kernel-not-predicted' },
    edit: `${kernelOn}; ${added(`-kernel ${KERNEL}`)}`,
    changes: [['kernel', null, /vmlinuz \(sha256 [0-9a-f]{16}\.\.\.\)$/]],
  },
  {
    ...{ name: 'kernel-and-words-added', kernel: null, kind: 'proof', cause: 'kernel-not-predicted' },
    edit: `${kernelOn}; ${added(`-kernel ${KERNEL} -append 'console=ttyS0 debug'`)}`,
    changes: [
      ['kernel', null, /vmlinuz \(sha256 /],
      ['cmdline', null, /^console=ttyS0 debug$/],
    ],
  },
  {
    ...{ name: 'initrd-added', kernel: 'backports', kind: 'proof', cause: 'initrd-not-predicted' },
    edit: added('-initrd $FOLDER/initrd'),
    changes: [['initrd', null, /\/initrd \(sha256 [0-9a-f]{16}\.\.\.\)$/]],
  },
  {
    ...{ name: 'hashes-first', kernel: 'backports', kind: 'proof', cause: 'hashes-after-firmware' },
    vmmProfile: 'qemu-hashes-first',
    changes: [['vmmProfile', 'qemu-hashes-first', /^qemu-init2$/]],
  },
  {
    ...{ name: 'no-fpu', kernel: null, kind: 'proof', cause: 'fpu-state' },
    ...{ profile: 'amd-6.8', vmmProfile: 'qemu-init2', guestFeatures: '0x21' },
    changes: [['vmmProfile', 'qemu-init2', /^qemu-pre-init2$/]],
  },
  {
    ...{ name: 'fpu', kernel: null, kind: 'proof', cause: 'fpu-state', vmmProfile: 'qemu-pre-init2' },
    changes: [['vmmProfile', 'qemu-pre-init2', /^qemu-init2$/]],
  },
  {
    ...{ name: 'cpuid-last', kernel: 'backports', kind: 'proof', cause: 'other-vmm', vmmProfile: 'ec2-before-2026-04' },
    changes: [['vmmProfile', 'ec2-before-2026-04', /^qemu-init2$/]],
  },
];

/** The cells of one plant, on a host of its own. */
async function launched(planted: Planted): Promise<readonly CellFile[]> {
  const { name, edit, profile = 'upstream-6.12', vmmProfile, kernel, guestFeatures = '0x1' } = planted;
  const binary = edit === undefined ? QEMU : await wrappedQemu(lab.folder, name, edit);
  const hosts = await lab.writeJson(`${name}.json`, {
    format: 'snp-conform/hosts@1',
    hosts: [
      {
        ...{ name, kind: 'local', slots: 1, directory: lab.hostFolder, qemu: { default: binary } },
        ...{ emulation: { profile }, ...(vmmProfile !== undefined && { vmmProfile }) },
      },
    ],
  });
  const matrix = await lab.writeJson(`${name}-matrix.json`, {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: OVMF } }, kernel: { backports: { path: KERNEL } } },
    axes: {
      ...{ firmware: ['amdsev'], vcpus: [2], vcpuType: ['EPYC-v4'], kernel: [kernel] },
      ...{ append: [kernel === null ? null : APPEND], guestFeatures: [guestFeatures] },
    },
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], name);
  expect(run.exitCode, run.stderr).toBe(1);
  return run.cells;
}

for (const planted of PLANTS) {
  test(`planted under the real QEMU: ${planted.name} is named as ${planted.cause}`, async () => {
    await writeFile(join(lab.folder, 'initrd'), 'initrd');
    const [cell] = await launched(planted);
    const [first] = cell?.explanation?.explanations ?? [];
    expect(first).toMatchObject({ kind: planted.kind, cause: planted.cause });
    expect(first?.part).toBeUndefined();
    expect(first?.changes.map(({ input, from }) => [input, from])).toEqual(
      planted.changes.map(([input, from]) => [input, from]),
    );
    for (const [at, [, , to]] of planted.changes.entries()) expect(first?.changes[at]?.to).toMatch(to);
  });
}
