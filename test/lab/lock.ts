import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { HarnessError } from '../../lib/errors.ts';
import { announced } from './progress.ts';

/**
 * Does the work while holding a lock file that no other process of this machine holds. The lock is the kernel's: it
 * goes with the process that holds it, however that ends, so there is no stale lock to clear.
 * @param path the lock file; made, with its folder, where absent
 * @throws HarnessError HOST_TIMEOUT when another process holds it for longer than timeoutMs
 */
export async function withLock<T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  // `cat` answers only once flock has the lock, and ends with our end of the pipe.
  const seconds = String(Math.ceil(timeoutMs / 1000));
  const holder = execa('flock', ['--timeout', seconds, path, 'cat'], { stdin: 'pipe', reject: false, buffer: false });
  holder.stdin.on('error', () => holder.stdin.destroy());
  holder.stdin.write('held\n');
  try {
    await announced(`waiting for another process that holds ${path}`, async () => {
      for await (const line of createInterface({ input: holder.stdout })) if (line === 'held') return;
      throw new HarnessError({
        code: 'HOST_TIMEOUT',
        what: `the lock was not free within ${seconds} s`,
        where: path,
        hint: 'another process is setting up this machine; wait for it to end',
      });
    });
    return await work();
  } finally {
    holder.stdin.end();
    await holder;
  }
}
