import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { EXAMPLE_HOSTS, Lab, processesWith } from './lab.ts';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

const SHIPPED = projectPath('fixtures', 'recordings', 'example-matrix.emulated.jsonl.gz');

test('the example matrix holds on two emulated hosts over SSH, and its recording says the same', async () => {
  const hosts = await lab.writeHosts(EXAMPLE_HOSTS);
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
  expect(live.junit.match(/<testcase /g)?.length).toBe(live.cells.length);
  expect(live.junit).not.toMatch(/<(failure|error|skipped)/);
  expect(await processesWith(new RegExp(lab.hostFolder))).toEqual([]);

  const replay = await lab.run(['--replay', recording], 'replayed');
  expect(replay.exitCode, replay.stderr + replay.stdout).toBe(0);
  expect(replay.cells).toEqual(live.cells);
  expect(replay.junit).toContain('value="recorded emulated"');
});

test('the recording that ships is of the matrix that ships', async () => {
  await copyFile(SHIPPED, join(lab.folder, 'shipped.jsonl.gz'));
  const replay = await lab.run(['--replay', 'shipped.jsonl.gz'], 'shipped');
  expect(replay.exitCode, replay.stderr + replay.stdout).toBe(0);
  expect(replay.cells.length).toBeGreaterThanOrEqual(40);
});
