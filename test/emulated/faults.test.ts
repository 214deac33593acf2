import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { EXAMPLE_HOSTS, Lab, processesWith } from './lab.ts';

/** What the acceptance of this product allows after a controller was killed. */
const GONE_MS = 10_000;

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
  lab.environment = { TMPDIR: lab.folder };
});
test.afterAll(async () => {
  await lab.stop();
});

const qemus = (): Promise<number[]> => processesWith(new RegExp(`^[^ ]*qemu-system-x86_64 .*${lab.hostFolder}/run/`));
/** Those that launch a guest; preflight asks one that does not. */
const guests = (): Promise<number[]> =>
  processesWith(new RegExp(`^[^ ]*qemu-system-x86_64 .*sev-snp-guest.*${lab.hostFolder}/run/`));

/** Where workers ask what came of launches. */
async function sockets(): Promise<string[]> {
  return (await readdir(lab.folder)).filter((name) => name.startsWith('snp-ahead-'));
}

async function launchDirectories(): Promise<string[]> {
  return readdir(join(lab.hostFolder, 'run')).catch(() => []);
}

async function startMatrix() {
  const hosts = await lab.writeHosts(EXAMPLE_HOSTS);
  const matrix = projectPath('matrix.example.json');
  const controller = lab.command(['run', '--hosts', hosts, '--matrix', matrix, '--out', 'killed']);
  await until('a guest of the run', async () => (await guests()).length > 0, 60_000);
  // Wrapped: a subprocess is a promise of its end, which an async function would wait for.
  return { controller };
}

test('a command line killed in the middle of a matrix leaves no QEMU and no launch directory behind', async () => {
  const { controller } = await startMatrix();
  await until('a finished cell', async () => (await finished()).length > 0, 60_000);
  controller.kill('SIGKILL');
  await until('the end of every QEMU', async () => (await qemus()).length === 0, GONE_MS);
  await until('the end of every launch directory', async () => (await launchDirectories()).length === 0, GONE_MS);
  await until(
    'the end of the runner',
    async () => (await processesWith(new RegExp(`${lab.folder}/killed`))).length === 0,
    GONE_MS,
  );
  await until('the end of its socket', async () => (await sockets()).length === 0, GONE_MS);
});

test('a run that was killed is gone on with: what was finished is kept, and only the rest is launched', async () => {
  const before = await finishedCells('killed');
  expect(before.size).toBeGreaterThan(0);
  const resumedAt = new Date().toISOString();
  const run = await lab.command(['run', '--resume', 'killed', '--grep', 'ovmfx64.*0x30000.*/1-vcpu/']);
  expect(run.exitCode, run.stderr + run.stdout).toBe(0);
  const after = await finishedCells('killed');
  for (const [name, content] of before) expect(after.get(name), name).toBe(content);
  const launched = [...after].filter(([, content]) => startedAt(content) > resumedAt);
  expect(launched.length).toBeGreaterThan(0);
  expect(launched.some(([name]) => before.has(name))).toBe(false);
});

test('all processes of the harness killed at once leave no QEMU behind', async () => {
  const { controller } = await startMatrix();
  const mine = await below(controller.pid, /playwright.*workerProcessEntry|ahead\/launch-process/);
  expect(mine.length).toBeGreaterThan(1);
  for (const pid of mine) process.kill(pid, 'SIGKILL');
  controller.kill('SIGKILL');
  await until('the end of every QEMU', async () => (await qemus()).length === 0, GONE_MS);
  await until('the end of every launch directory', async () => (await launchDirectories()).length === 0, GONE_MS);
  await until('the end of the runner, and of its socket', async () => (await sockets()).length === 0, GONE_MS);
});

test('a process that launches ahead of tests is killed: every cell has its result, and nothing is left', async () => {
  const hosts = await lab.writeHosts([{ name: 'one', profile: 'upstream-6.12', tags: [], slots: 2 }]);
  const matrix = await lab.writeJson('four.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { ovmfx64: { path: 'cache:artifacts/ovmf-x64/OVMF.fd' } } },
    axes: { firmware: ['ovmfx64'], vcpus: [1, 2, 3, 4], vcpuType: ['EPYC-v4'], guestFeatures: ['0x1'] },
  });
  const controller = lab.command(['run', '--hosts', hosts, '--matrix', matrix, '--out', 'ahead']);
  await until('a guest of the run', async () => (await guests()).length > 0, 60_000);
  const launching = await below(controller.pid, /ahead\/launch-process/);
  expect(launching).toHaveLength(1);
  for (const pid of launching) process.kill(pid, 'SIGKILL');
  const { exitCode, stdout, stderr } = await controller;
  expect(stderr).toMatch(/^LAB the process that launches on one ended \(SIGKILL\); its tests launch by themselves/m);
  expect(stdout).toMatch(/\n4 passed, 0 failed$/);
  expect([exitCode, await qemus(), await sockets()]).toEqual([0, [], []]);
  await until('the end of every launch directory', async () => (await launchDirectories()).length === 0, GONE_MS);
});

test('an interrupted run ends in order: no QEMU, what was done is on disk, and what the run before it left as well', async () => {
  const before = await finished();
  const { controller } = await startMatrix();
  await until('a finished cell', async () => (await finished()).length > 0, 60_000);
  controller.kill('SIGINT');
  const { exitCode, stdout } = await controller;
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(
    /\ninterrupted: of \d+ cells \d+ were cut off and \d+ never began; go on with: .* run --resume \S/,
  );
  expect(await qemus()).toEqual([]);
  expect((await finished()).length).toBeGreaterThan(0);
  const earlier = join(lab.folder, 'killed', 'earlier');
  const kept = await Promise.all(
    (await readdir(earlier)).sort().map((name) => readdir(join(earlier, name), { recursive: true })),
  );
  const cells = kept.map((names) => names.filter((name) => name.includes('cells') && name.endsWith('.json')).length);
  expect(cells[0], 'of the run that was gone on with').toBeGreaterThan(0);
  expect(cells.at(-1), 'of the run before').toBe(before.length);
});

async function finished(): Promise<string[]> {
  const names = await readdir(join(lab.folder, 'killed', 'run', 'cells'), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.json'));
}

/** The files of finished cells of a run, with what is in them. */
async function finishedCells(out: string): Promise<Map<string, string>> {
  const folder = join(lab.folder, out, 'run', 'cells');
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json'));
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

const startedAt = (content: string): string => /"startedAt": "([^"]+)",\n {2}"artifacts"/.exec(content)?.[1] ?? '';

/** Ids of the processes that a process started, or those that it started, and whose command line matches. */
async function below(ancestor: number | undefined, pattern: RegExp): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processesWith(pattern)) if (await isBelow(pid, ancestor ?? 0)) found.push(pid);
  return found;
}

async function isBelow(pid: number, ancestor: number): Promise<boolean> {
  for (let at = pid; at > 1; ) {
    if (at === ancestor) return true;
    const stat = await readFile(`/proc/${at}/stat`, 'utf8').catch(() => '');
    at = Number(/\) \S (\d+)/.exec(stat)?.[1] ?? 0);
  }
  return false;
}
