import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SupervisedOptions } from '../../lib/host/supervisor.ts';
import { isAlive, until } from '../support/until.ts';

let launches = 0;

/** Options of one launch below a folder, each in a directory of its own. */
export function launchOptions(
  folder: string,
  script: string,
  changes: Partial<SupervisedOptions> = {},
): SupervisedOptions {
  launches += 1;
  return {
    directory: join(folder, 'launches', String(launches)),
    argv: ['sh', '-c', script],
    environment: {},
    maxSeconds: 60,
    heartbeatSeconds: 10,
    ...changes,
  };
}

/** A wrapper as people write them for QEMU: two children, waits for one, deaf to polite signals. */
export const WRAPPER = 'trap "" TERM HUP INT; sleep 301 & sleep 302 & echo $$ $! > members; wait';

/** The live processes of a process group. */
export function membersOf(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      if (!isAlive(pid)) return false;
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
          .replace(/^.*\) /s, '')
          .split(' ');
        return Number(fields[2]) === group;
      } catch {
        return false;
      }
    });
}

/** Waits until no process of a group lives; one that was killed may take a moment to die. */
export function groupGone(group: number, timeoutMs: number = 2000): Promise<void> {
  return until('the process group to be gone', () => membersOf(group).length === 0, timeoutMs);
}

/** Every live process that has this directory as its working directory. */
export function livingIn(directory: string): number[] {
  const found = execFileSync('sh', ['-c', 'ls -l /proc/[0-9]*/cwd 2>/dev/null || true'], { encoding: 'utf8' });
  return found
    .split('\n')
    .filter((line) => line.endsWith(`-> ${directory}`) || line.includes(`-> ${directory} (`))
    .map((line) => Number(/\/proc\/(\d+)\//.exec(line)?.[1]));
}
