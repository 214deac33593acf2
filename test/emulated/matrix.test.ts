import { join } from 'node:path';
import type { HostReport } from '../../lib/evidence/host-report.ts';
import { type NetHost, startNetHost } from '../lab/namespaces.ts';
import { newerRoot } from '../lab/newer-root.ts';
import { mayMakeMachines } from '../lab/privileges.ts';
import { CACHE_FOLDER, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { Lab, type LabHost, processesWith } from './lab.ts';

let lab: Lab;
let machines: NetHost[] = [];
test.beforeAll(async () => {
  lab = await Lab.start();
  const roots = mayMakeMachines() ? [null, newerRoot(CACHE_FOLDER), null] : [];
  machines = await Promise.all(roots.map((root) => startNetHost(root)));
});
test.afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.stop()));
  await lab.stop();
});

/**
 * Three machines: with QEMU 10, with a newer system and QEMU 11, and one that is as it is. Where none can be made, all three
 * are this machine.
 */
function labHosts(): LabHost[] {
  const hosts: LabHost[] = [
    { name: 'qemu-10', profile: 'upstream-6.12', tags: ['features-0x1'], slots: 2 },
    { name: 'qemu-11', profile: 'amd-6.8', tags: ['features-0x21'] },
    { name: 'bare', profile: null, tags: ['features-0x1'] },
  ];
  return hosts.map((host, at) => ({ ...host, ...(machines[at] && { at: machines[at].sshd }) }));
}

const NO_SNP = /its processor has no SEV-SNP: /;

test('hosts check tells what each of three machines is', async () => {
  test.skip(!mayMakeMachines(), 'machines with roots of their own take privileges that this process has not');
  await lab.writeHosts(labHosts());
  const { stdout, exitCode } = await lab.command(['hosts', 'check', '--json']);
  expect(exitCode).toBe(3);
  const { hosts } = JSON.parse(stdout) as { hosts: HostReport[] };
  const of = (name: string): HostReport | undefined => hosts.find((report) => report.name === name);
  expect(hosts.map(({ name, state }) => `${name} ${state}`)).toEqual(['qemu-10 ready', 'qemu-11 ready', 'bare unfit']);
  expect(of('qemu-10')?.facts?.qemu.default?.version).toMatch(/^(9|10)\./);
  expect(of('qemu-11')?.facts?.qemu.default?.version).toMatch(/^1[1-9]\./);
  expect(of('qemu-11')?.facts?.snphost?.version).toMatch(/^\d+\.\d+/);
  expect(of('qemu-11')?.facts?.snphost?.tests.length).toBeGreaterThan(10);
  expect(of('bare')?.findings).toContainEqual(expect.objectContaining({ what: expect.stringMatching(NO_SNP) }));
});

test('the example matrix holds on two emulated hosts, of QEMU 10 and 11, a third is skipped with the reason, and its recording says the same', async () => {
  const hosts = await lab.writeHosts(labHosts());
  const recording = join(lab.folder, 'night.jsonl.gz');
  const live = await lab.run(['--hosts', hosts, '--matrix', projectPath('matrix.example.json'), '--record', recording]);
  expect(live.exitCode, live.stderr + live.stdout).toBe(0);
  expect(live.cells.length).toBeGreaterThanOrEqual(40);
  expect(live.cells.map((cell) => cell.verdict.result)).toEqual(live.cells.map(() => 'pass'));
  expect(new Set(live.cells.map((cell) => cell.evidence.kind))).toEqual(new Set(['emulated']));
  for (const { evidence } of live.cells) {
    expect(evidence.host.facts?.platform).toMatchObject({ source: 'emulation', product: 'Genoa' });
    expect(evidence.host.facts?.machine.kernel).toBe(evidence.host.kernel);
    expect(evidence.host.facts?.qemu.default?.epycModels).toContain('EPYC-Milan');
  }
  expect(new Set(live.cells.map((cell) => cell.evidence.host.name))).toEqual(new Set(['qemu-10', 'qemu-11']));
  const skips = [...live.junit.matchAll(/<skipped message="([^"]*)"/g)].map(([, why]) => why);
  expect(skips).toHaveLength(live.cells.filter(({ evidence }) => evidence.host.name === 'qemu-10').length);
  for (const why of skips) expect(why).toMatch(NO_SNP);
  expect(live.junit.match(/<testcase /g)?.length).toBe(live.cells.length + skips.length);
  expect(live.junit).not.toMatch(/<(failure|error)/);
  expect(await processesWith(new RegExp(lab.hostFolder))).toEqual([]);

  const replay = await lab.run(['--replay', recording], 'replayed');
  expect(replay.exitCode, replay.stderr + replay.stdout).toBe(0);
  expect(replay.cells).toEqual(live.cells);
  expect(replay.junit).toContain('value="recorded emulated"');
});
