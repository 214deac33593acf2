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

function matrix(axes: Record<string, unknown[]>, kernel = join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz')): unknown {
  return {
    format: 'snp-conform/matrix@1',
    artifacts: {
      firmware: { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } },
      kernel: { linux: { path: kernel } },
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

test('guest features 0x1 predicted for a host whose kernel measures 0x21 are refused as a bad measurement', async () => {
  const hosts = await lab.writeHosts([{ name: 'amd', profile: 'amd-6.8', tags: [] }]);
  const file = await lab.writeJson('features.json', matrix({ guestFeatures: ['0x1'], vcpus: [1, 4] }));
  expectRefused(await lab.run(['--hosts', hosts, '--matrix', file], 'features'), 2);
});

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

test('one byte flipped in the firmware, the kernel or the command line after the prediction is refused', async () => {
  const ovmf = await flipped(join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd'), 'flipped.fd', 1_000_000);
  const kernel = await flipped(join(ARTIFACTS_FOLDER, 'linux-stable', 'vmlinuz'), 'flipped.vmlinuz', 3_000_000);
  const edits = {
    firmware: `case "$a" in */OVMF.amdsev.fd) a=${ovmf};; esac`,
    kernel: `case "$a" in */vmlinuz) a=${kernel};; esac`,
    cmdline: 'case "$a" in quiet) a=quieu;; esac',
  };
  const file = await lab.writeJson('flip.json', matrix({}));
  for (const [name, edit] of Object.entries(edits)) {
    const qemu = await qemuWith(`qemu-${name}`, edit);
    const hosts = await lab.writeHosts([{ name: 'upstream', profile: 'upstream-6.12', tags: [], qemu }]);
    expectRefused(await lab.run(['--hosts', hosts, '--matrix', file], `flip-${name}`), 1);
  }
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
