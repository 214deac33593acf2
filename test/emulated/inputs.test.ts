import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

const OVMF = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports', 'vmlinuz');

function matrix(artifacts: object, axes: object): object {
  return { format: 'snp-conform/matrix@1', artifacts, axes: { vcpus: [1], vcpuType: ['EPYC-v4'], ...axes } };
}

test('what QEMU measures is what was predicted, for kernels, command lines, counts and types of no shipped matrix', async () => {
  const kernel = await readFile(KERNEL);
  kernel.fill(0x5a, kernel.length - 4096);
  await writeFile(join(lab.folder, 'other.vmlinuz'), kernel);
  await writeFile(
    join(lab.folder, 'odd.initrd'),
    Buffer.from(Array.from({ length: 70_001 }, (_, at) => (at * 7) & 0xff)),
  );
  const artifacts = {
    firmware: { amdsev: { path: OVMF } },
    kernel: { other: { path: 'other.vmlinuz' } },
    initrd: { odd: { path: 'odd.initrd' } },
  };
  const axes = {
    firmware: ['amdsev'],
    kernel: ['other'],
    initrd: [null, 'odd'],
    append: [null, '', `  two  spaces, a comma,, "quotes" 'and' $HOME \\ grüße=ünïcode`],
    vcpus: [3],
    vcpuType: ['EPYC-Rome-v2', 'EPYC-v4,family=25,model=17,stepping=1'],
  };
  const file = await lab.writeJson('unseen.json', matrix(artifacts, axes));
  const hosts = await lab.writeHosts([{ name: 'upstream', profile: 'upstream-6.12', tags: [] }]);
  const run = await lab.run(['--hosts', hosts, '--matrix', file]);
  expect(run.exitCode, run.stderr + run.stdout).toBe(0);
  expect(run.cells.length).toBe(12);
  expect(new Set(run.cells.map((cell) => cell.predicted)).size).toBe(8); // no command line and an empty one are the same
  for (const { predicted, verdict } of run.cells) {
    expect(verdict.checks.find((check) => check.name === 'report-measurement')?.observed).toBe(predicted);
  }
});

interface WrongInput {
  title: string;
  matrix: object;
  says: RegExp;
}

const suffixless = join('.', 'truncated.fd');
const WRONG: readonly WrongInput[] = [
  {
    title: 'a truncated OVMF',
    matrix: matrix({ firmware: { cut: { path: suffixless } } }, { firmware: ['cut'] }),
    says: /OVMF_/,
  },
  {
    title: 'a file that is no OVMF',
    matrix: matrix({ firmware: { kernel: { path: KERNEL } } }, { firmware: ['kernel'] }),
    says: /OVMF_/,
  },
  {
    title: 'a kernel with an OVMF that has no place for hashes',
    matrix: matrix(
      {
        firmware: { x64: { path: join(ARTIFACTS_FOLDER, 'ovmf-x64', 'OVMF.fd') } },
        kernel: { linux: { path: KERNEL } },
      },
      { firmware: ['x64'], kernel: ['linux'] },
    ),
    says: /OVMF_NO_HASHES_TABLE/,
  },
  {
    title: 'no vCPU',
    matrix: matrix({ firmware: { a: { path: OVMF } } }, { firmware: ['a'], vcpus: [0] }),
    says: /axes.vcpus\[0\]/,
  },
  {
    title: 'an unknown vCPU type',
    matrix: matrix({ firmware: { a: { path: OVMF } } }, { firmware: ['a'], vcpuType: ['EPYC-Milano'] }),
    says: /VCPU_TYPE_UNKNOWN.*EPYC-Milano/,
  },
  {
    title: 'a misspelt axis',
    matrix: matrix({ firmware: { a: { path: OVMF } } }, { firmware: ['a'], guestFeature: ['0x1'] }),
    says: /MATRIX_INVALID.*guestFeature/,
  },
];

for (const { title, matrix: wrong, says } of WRONG) {
  test(`${title} in a matrix is told in one message before anything is launched`, async () => {
    await writeFile(join(lab.folder, 'truncated.fd'), (await readFile(OVMF)).subarray(0, 4_000_000));
    const file = await lab.writeJson('wrong.json', wrong);
    const hosts = await lab.writeHosts([{ name: 'upstream', profile: 'upstream-6.12', tags: [] }]);
    const { exitCode, stderr, stdout } = await lab.command(['run', '--hosts', hosts, '--matrix', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
}
