import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { type FinishedRun, Lab } from './lab.ts';

const REFUSED = "SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'";

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

function matrix(axes: Record<string, unknown[]>): object {
  return {
    format: 'snp-conform/matrix@1',
    artifacts: {
      firmware: { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } },
      kernel: { linux: { path: join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz') } },
    },
    axes: { firmware: ['amdsev'], kernel: ['linux'], vcpus: [1], vcpuType: ['EPYC-v4'], append: ['quiet'], ...axes },
  };
}

function expectRefused(run: FinishedRun, cells: number): void {
  expect(run.exitCode, run.stderr + run.stdout).toBe(1);
  expect(run.cells.length).toBe(cells);
  for (const { verdict, evidence } of run.cells) {
    expect(verdict.result).toBe('fail');
    expect(evidence.outcome.refusal).toMatchObject({ command: 'SNP_LAUNCH_FINISH', ret: -5, fwError: 11 });
    expect(evidence.outcome.stderr).toContain(REFUSED);
    expect(evidence.outcome.report).toBeNull();
  }
  expect(run.junit.match(/<failure /g)?.length).toBe(cells);
  expect(run.junit).not.toMatch(/<error /);
}

/** A QEMU of the host that is the real one, on a command line edited by sed. */
async function qemuWith(name: string, edit: string): Promise<string> {
  const path = join(lab.folder, name);
  const script = `#!/bin/bash\nargs=()\nfor a in "$@"; do\n${edit}\nargs+=("$a")\ndone\nexec qemu-system-x86_64 "\${args[@]}"\n`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

async function flipped(source: string, name: string, at: number): Promise<string> {
  const path = join(lab.folder, name);
  await copyFile(source, path);
  const bytes = await readFile(path);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  await writeFile(path, bytes);
  return path;
}

test('guest features that a kernel measures otherwise, and one byte flipped in firmware, kernel or command line after the prediction, are refused as a bad measurement', async () => {
  const ovmf = await flipped(join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd'), 'flipped.fd', 1_000_000);
  const kernel = await flipped(join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz'), 'flipped.vmlinuz', 3_000_000);
  const builds = {
    firmware: await qemuWith('qemu-firmware', `case "$a" in */OVMF.amdsev.fd) a=${ovmf};; esac`),
    kernel: await qemuWith('qemu-kernel', `case "$a" in */vmlinuz) a=${kernel};; esac`),
    cmdline: await qemuWith('qemu-cmdline', 'case "$a" in quiet) a=quieu;; esac'),
  };
  const hosts = await lab.writeHosts([
    { name: 'amd', profile: 'amd-6.8', tags: ['amd'] },
    { name: 'upstream', profile: 'upstream-6.12', tags: ['flips'], change: { qemu: builds } },
  ]);
  const exclude = [
    { why: 'the flips are on one host', hostTags: ['amd'], qemu: Object.keys(builds) },
    { why: 'and nothing else is', hostTags: ['flips'], qemu: 'default' },
    { why: 'one vCPU is enough for a flip', hostTags: ['flips'], vcpus: 4 },
  ];
  const axes = { guestFeatures: ['0x1'], vcpus: [1, 4], qemu: ['default', ...Object.keys(builds)] };
  const file = await lab.writeJson('bad.json', { ...matrix(axes), exclude });
  const run = await lab.run(['--hosts', hosts, '--matrix', file, '--explain', 'off'], 'bad');
  expectRefused(run, 5);
  expect(run.cells.map(({ evidence: { cell } }) => `${cell.qemu} ${cell.vcpus}`).sort()).toEqual([
    'cmdline 1',
    'default 1',
    'default 4',
    'firmware 1',
    'kernel 1',
  ]);
  // Nobody asked why.
  for (const { explanation, evidence } of run.cells)
    expect([explanation, evidence.probes]).toEqual([undefined, undefined]);
});

test('a published digest that the inputs no longer give is refused', async () => {
  const hosts = await lab.writeHosts([{ name: 'upstream', profile: 'upstream-6.12', tags: [] }]);
  const published = await lab.writeJson('published.json', matrix({ append: ['quiet'] }));
  const today = await lab.writeJson('today.json', matrix({ append: ['quies'] }));
  const { stdout, exitCode } = await lab.command(['predict', '--matrix', published]);
  expect(exitCode).toBe(0);
  const reference = await lab.writeJson('reference.json', JSON.parse(stdout));
  const run = await lab.run(['--hosts', hosts, '--matrix', today, '--reference', reference], 'reference');
  expectRefused(run, 1);
});
