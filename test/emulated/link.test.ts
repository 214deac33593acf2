import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NetHost, startNetHost } from '../lab/namespaces.ts';
import { mayMakeMachines } from '../lab/privileges.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { Lab, processesWith } from './lab.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const CUT_MS = 5000;
/** An emulated launch goes back and forth some thousand times: over the slower of the two it takes minutes. */
const SLOW = { delayMs: tries(1, 50), lossPerMille: tries(5, 20) };

let lab: Lab;
let short: NetHost;
let long: NetHost;
let far: NetHost;
test.beforeAll(async () => {
  test.skip(!mayMakeMachines(), 'machines with networks of their own take privileges that this process has not');
  lab = await Lab.start();
  [short, long, far] = await Promise.all([startNetHost(null), startNetHost(null), startNetHost(null, [], SLOW)]);
});
test.afterAll(async () => {
  await Promise.all([short?.stop(), long?.stop(), far?.stop()]);
  await lab?.stop();
});

/** A QEMU that tells that it is launched, and takes its time. */
async function slowBuild(name: string): Promise<string> {
  const path = join(lab.folder, `qemu-${name}`);
  const launch = `case "$*" in *id=sev0*) touch "${lab.folder}/${name}.launched"; sleep 3 ;; esac`;
  await writeFile(path, ['#!/bin/sh', launch, `exec ${QEMU} "$@"`, ''].join('\n'), { mode: 0o755 });
  return path;
}

test('a link that is cut for five seconds in a launch costs the launch nothing, nor does one that is slow and loses packets; one that stays cut is SSH_LOST, and leaves no guest', async () => {
  const limits = { attempts: 1, keepaliveSeconds: 2, heartbeatSeconds: 4, connectSeconds: 3 };
  const profile = 'upstream-6.12';
  const hosts = await lab.writeHosts([
    { name: 'short', profile, tags: ['short'], qemu: await slowBuild('short'), at: short.sshd },
    { name: 'long', profile, tags: ['long'], qemu: await slowBuild('long'), at: long.sshd, change: { limits } },
    { name: 'far', profile, tags: ['far'], at: far.sshd },
  ]);
  const matrix = await lab.writeJson('matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { ovmfx64: { path: 'cache:artifacts/ovmf-x64/OVMF.fd' } } },
    axes: { firmware: ['ovmfx64'], vcpus: [1], vcpuType: ['EPYC-v4'], guestFeatures: ['0x1'] },
  });
  const running = lab.run(['--hosts', hosts, '--matrix', matrix]);
  const cut = async (name: string, machine: NetHost): Promise<void> => {
    await until(`the launch on ${name}`, () => existsSync(join(lab.folder, `${name}.launched`)), 90_000);
    await machine.setLink('down');
  };
  await Promise.all([
    cut('long', long),
    cut('short', short).then(async () => {
      // The length of the cut is what is tested.
      await new Promise((resolve) => setTimeout(resolve, CUT_MS));
      await short.setLink('up');
    }),
  ]);
  const { exitCode, junit, cells, stderr, stdout } = await running;
  expect(exitCode, stderr + stdout).toBe(3);
  expect(cells.map(({ evidence, verdict }) => `${evidence.host.name} ${verdict.result}`)).toEqual([
    'far pass',
    'short pass',
  ]);
  for (const { evidence } of cells) expect(evidence.attempts, evidence.host.name).toHaveLength(1);
  expect(junit.match(/<error message="([A-Z_]+): /g)).toEqual(['<error message="SSH_LOST: ']);
  // The host itself ends what it has heard nothing of.
  const guests = () => processesWith(new RegExp(`^[^ ]*qemu.*sev-snp-guest.*${lab.hostFolder}/run/`));
  await until('the end of the guest behind the cut', async () => (await guests()).length === 0, 15_000);
  await long.setLink('up');
  const statusOf = async (): Promise<{ name: string; trouble?: object }[]> =>
    JSON.parse((await lab.command(['hosts', 'status', '--json'])).stdout).hosts;
  // The kernel remembers for a while that nobody answered at that address.
  await until('the way back', async () => (await statusOf()).every(({ trouble }) => trouble === undefined), 30_000);
  expect(await statusOf()).toEqual([
    expect.objectContaining({ name: 'short', launches: [] }),
    expect.objectContaining({ name: 'long', launches: [] }),
    expect.objectContaining({ name: 'far', launches: [] }),
  ]);
  expect(await readFile(join(lab.folder, 'reports', 'run', 'results.jsonl'), 'utf8')).toMatch(/\n.*\n$/);
});
