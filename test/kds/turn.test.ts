import { existsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { inTurn } from '../../lib/kds/turn.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { FakeEdge } from './server.ts';

const inFolder = testFolder();

test('work is done one at a time, in whatever order', async () => {
  const path = inFolder('turn');
  const edge = new FakeEdge(new Date());
  let [now, most, done] = [0, 0, 0];
  const work = async (): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    for (let step = 0; step < 5; step += 1) await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => inTurn(path, edge, work)));
  expect([most, done]).toEqual([1, 8]);
  expect(existsSync(path)).toBe(false);
});

test('a turn ends with work that fails', async () => {
  const path = inFolder('failing');
  const edge = new FakeEdge(new Date());
  await expect(inTurn(path, edge, () => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work');
  expect(await inTurn(path, edge, async () => 'next')).toBe('next');
});

test('the turn of a process that is gone is taken over after a minute, not before', async () => {
  const path = inFolder('stale');
  writeFileSync(path, '4711\n');
  const left = new Date('2026-06-01T12:00:00Z');
  utimesSync(path, left, left);
  const edge = new FakeEdge(left);
  expect(await inTurn(path, edge, async () => 'mine')).toBe('mine');
  const waitedMs = edge.at.getTime() - left.getTime();
  expect(waitedMs).toBeGreaterThanOrEqual(60_000);
  expect(waitedMs).toBeLessThan(61_000);
});

test('a turn that others keep alive is not waited for without end', async () => {
  const path = inFolder('alive');
  writeFileSync(path, '4711\n');
  const edge = new FakeEdge(new Date());
  const keptAlive = {
    ...edge,
    now: edge.now,
    note: edge.note,
    sleep: async (ms: number) => {
      await edge.sleep(ms * 100);
      utimesSync(path, edge.at, edge.at);
    },
  };
  await expect(inTurn(path, keptAlive, async () => 'mine')).rejects.toThrow(
    /^KDS_CACHE: another process has used the cache/,
  );
  expect(statSync(path).size).toBe(5);
});

test('a folder that cannot be made is named', async () => {
  const file = inFolder('file');
  writeFileSync(file, '');
  await expect(inTurn(`${file}/below/turn`, new FakeEdge(new Date()), async () => 1)).rejects.toThrow(
    /^OUTPUT_UNWRITABLE: cache: /,
  );
});
