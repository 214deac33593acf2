import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { beginRun } from '../../lib/cli/run-folder.ts';
import { withRunLock } from '../../lib/cli/run-lock.ts';
import { HarnessError } from '../../lib/errors.ts';
import type { Plan } from '../../lib/runner/plan.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const at = testFolder();

function planIn(reportsDirectory: string, resumed?: true): Plan {
  return {
    runDirectory: join(reportsDirectory, 'run'),
    reportsDirectory,
    source: { kind: 'replay', recordingFile: 'none' },
    ...(resumed && { resumed }),
  };
}

/** Leaves a lock as a process of this number and start would. */
function leaveLock(name: string, content: unknown): { folder: string; lock: string } {
  const folder = at(name);
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'run.lock');
  writeFileSync(lock, typeof content === 'string' ? content : `${JSON.stringify(content)}\n`);
  return { folder, lock };
}

const startOf = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];

test('a run in a folder that another process works on is refused before anything is changed, and works after it', async () => {
  const folder = at('two');
  await withRunLock(planIn(folder), async () => {
    const before = readdirSync(folder);
    expect(before).toEqual(['run.lock']);
    for (const resumed of [undefined, true] as const) {
      expect(await rejection(withRunLock(planIn(folder, resumed), async () => undefined))).toMatchObject({
        code: 'USAGE',
        where: join(folder, 'run'),
        what: expect.stringContaining(`process ${process.pid} `),
        hint: expect.stringContaining(`kill -INT ${process.pid}`),
      });
    }
    expect(readdirSync(folder)).toEqual(before);
  });
  expect(readdirSync(folder)).toEqual([]);
  expect(await withRunLock(planIn(folder), async () => 'mine')).toBe('mine');
});

test('a lock goes with work that fails', async () => {
  const work = withRunLock(planIn(at('fails')), () => Promise.reject(new HarnessError({ code: 'USAGE', what: 'no' })));
  expect(await rejection(work)).toMatchObject({ what: 'no' });
  expect(readdirSync(at('fails'))).toEqual([]);
});

test('a lock is taken over from a process that is gone, whose number is used again, that waits for its parent, or that never wrote', async () => {
  const gone = spawnSync('true').pid;
  // It ends when its parent has become a program that does not wait for it.
  const parent = spawn('sh', ['-c', 'cat <&3 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
  const [line] = (await once(parent.stdout as Readable, 'data')) as [Buffer];
  const zombie = Number(line.toString());
  await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n');
  (parent.stdio[3] as Writable).end();
  await expect.poll(() => readFileSync(`/proc/${zombie}/stat`, 'utf8')).toMatch(/\) Z /);
  const left = [
    { pid: gone, startedAt: null },
    { pid: process.ppid, startedAt: '1' },
    { pid: zombie, startedAt: startOf(zombie) },
    '',
    '{"pid"',
  ];
  try {
    for (const [index, content] of left.entries()) {
      const { folder, lock } = leaveLock(`left-${index}`, content);
      const during = await withRunLock(planIn(folder), async () => readFileSync(lock, 'utf8'));
      expect(JSON.parse(during), JSON.stringify(content)).toEqual({
        pid: process.pid,
        startedAt: startOf(process.pid),
      });
      expect(readdirSync(folder)).toEqual([]);
    }
  } finally {
    parent.kill('SIGKILL');
  }
});

test('of many that find the lock of a dead process at once, one works at a time', async () => {
  const { folder } = leaveLock('many', { pid: spawnSync('true').pid, startedAt: null });
  let working = 0;
  let most = 0;
  const one = (): Promise<void> =>
    withRunLock(planIn(folder), async () => {
      most = Math.max(most, ++working);
      await new Promise(setImmediate);
      working--;
    });
  const ended = await Promise.allSettled(Array.from({ length: 8 }, one));
  expect(ended.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
  expect(most).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test('run, run --replay, run --resume and merge-reports leave what is in use as it is', async () => {
  const { folder } = leaveLock('in-use', { pid: process.ppid, startedAt: startOf(process.ppid) });
  const run = join(folder, 'run');
  mkdirSync(run);
  const source = { kind: 'hosts', hostsFile: at('h.json'), matrixFile: at('m.json'), referenceFile: null };
  const plan = `${JSON.stringify({ runDirectory: run, reportsDirectory: folder, source })}\n`;
  writeFileSync(join(run, 'plan.json'), plan);
  writeFileSync(join(folder, 'junit.xml'), 'of the first');
  for (const file of ['h.json', 'm.json']) writeFileSync(at(file), '{}');
  // A ZIP archive without entries.
  writeFileSync(at('part.zip'), Buffer.from('PK\u0005\u0006'.padEnd(22, '\0'), 'latin1'));
  const files = ['--hosts', at('h.json'), '--matrix', at('m.json')];
  const commands = [
    ['run', ...files, '--out', folder],
    ['run', '--replay', projectPath('fixtures', 'recordings', 'founding-case.emulated.jsonl.gz'), '--out', folder],
    ['run', '--resume', run],
    ['merge-reports', at('part.zip'), ...files, '--out', folder],
  ];
  for (const command of commands) {
    const { exitCode, stderr } = await runHere(command);
    expect(stderr).toContain(`process ${process.ppid} is at work on the run in this folder (${run})`);
    expect(exitCode).toBe(2);
  }
  expect(readdirSync(folder).sort()).toEqual(['junit.xml', 'run', 'run.lock']);
  expect(readFileSync(join(run, 'plan.json'), 'utf8')).toBe(plan);
  expect(existsSync(join(folder, 'earlier'))).toBe(false);
});

test("what a killed command left before it wrote its plan is in nobody's way; what else has no plan is left alone", async () => {
  const plan = planIn(at('begun'));
  await beginRun(plan);
  await beginRun(plan);
  expect(readdirSync(plan.runDirectory)).toEqual(['manifest.jsonl']);
  writeFileSync(join(plan.runDirectory, 'letters.txt'), '');
  expect(await rejection(beginRun(plan))).toMatchObject({ code: 'USAGE' });
  const file = planIn(at('file'));
  mkdirSync(at('file'));
  writeFileSync(file.runDirectory, '');
  expect(await rejection(beginRun(file))).toMatchObject({ code: 'USAGE' });
});
