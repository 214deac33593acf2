import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { withLock } from './lock.ts';

test.describe('a lock', () => {
  let folder = '';
  test.beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'snp-conform-lock-'));
  });
  test.afterEach(() => rm(folder, { recursive: true, force: true }));

  test('lets one at a time do its work', async () => {
    const path = join(folder, 'deep', 'lock');
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await delay(20);
      inside -= 1;
    };
    await Promise.all([1, 2, 3, 4].map(() => withLock(path, 10_000, work)));
    expect(most).toBe(1);
  });

  test('gives back what the work gives back, and is free after work that throws', async () => {
    const path = join(folder, 'lock');
    await expect(withLock(path, 1_000, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await withLock(path, 1_000, async () => 7)).toBe(7);
  });

  test('that another holds for too long is a coded error', async () => {
    const path = join(folder, 'lock');
    await withLock(path, 1_000, async () => {
      await expect(withLock(path, 1_000, async () => 1)).rejects.toThrow(/^HOST_TIMEOUT: .*\(.*lock\)/);
    });
  });

  test('goes with a process that is killed while it holds it', async () => {
    const path = join(folder, 'lock');
    const module = pathToFileURL(projectPath('test', 'lab', 'lock.ts')).href;
    const script = `const { withLock } = await import(${JSON.stringify(module)});
      await withLock(${JSON.stringify(path)}, 1000, async () => { console.log('held'); await new Promise(() => setInterval(() => {}, 1000)); });`;
    const argv = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const holder = spawn(process.execPath, argv, { cwd: projectPath(), stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'close');
    expect(await withLock(path, 5_000, async () => 'free')).toBe('free');
  });
});
