import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readHostReport } from '../../lib/runner/host-reports.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

const BINARY = 'bin/qemu-system-x86_64';

/** A QEMU build that is a folder here and must come to the host. */
async function qemuTree(): Promise<string> {
  const tree = join(lab.folder, 'build');
  await mkdir(join(tree, 'bin'), { recursive: true });
  await writeFile(join(tree, BINARY), '#!/bin/sh\nexec qemu-system-x86_64 "$@"\n', { mode: 0o755 });
  return tree;
}

const SMALL = ['--matrix', projectPath('matrix.example.json'), '--grep', 'ovmfx64.*0x30000.*/[12]-vcpu/EPYC-v4'];

test('a host that is out and one that cannot take only their own cells down, and workers launch by what preflight found, of a QEMU that it brought there', async () => {
  const tags = ['features-0x1'];
  const hosts = await lab.writeHosts([
    { name: 'good', profile: 'upstream-6.12', tags, change: { qemu: { default: { tree: await qemuTree() } } } },
    { name: 'bare', profile: null, tags },
    { name: 'down', profile: 'upstream-6.12', tags, change: { port: 1 } },
  ]);
  const run = await lab.run(['--hosts', hosts, ...SMALL]);
  expect(run.exitCode, run.stderr + run.stdout).toBe(3);
  expect(run.stdout).toMatch(/\n2 passed, 0 failed, 2 infrastructure, 2 skipped\n?$/);
  expect(run.cells.map(({ evidence }) => evidence.host.name)).toEqual(['good', 'good']);
  expect(run.junit.match(/<error message="SSH_CONNECT: host down: no connection/g)).toHaveLength(2);
  expect(run.junit.match(/<skipped message="host bare: its processor has no SEV-SNP: /g)).toHaveLength(2);
  // For the host, not for each cell: that it was looked at twice, and what it is out for.
  expect(run.stderr.split('\n').filter((line) => line.includes('SSH_CONNECT'))).toEqual([
    'LAB host down: looked at again after SSH_CONNECT, and still out: SSH_CONNECT',
    expect.stringContaining('error: SSH_CONNECT: no connection'),
  ]);
  const report = readHostReport(join(lab.folder, 'reports', 'run'), 'good');
  for (const { evidence } of run.cells) {
    expect(evidence.host.facts).toEqual(report?.facts);
    expect(evidence.sent.argv[0]).toMatch(new RegExp(`^${lab.hostFolder}/store/[0-9a-f]{64}/tree/${BINARY}$`));
  }
});
