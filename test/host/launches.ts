import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SupervisedOptions } from '../../lib/host/supervisor.ts';
import { isAlive, isAliveIn, until } from '../support/until.ts';

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

/** The processes of which something holds; one that ends while it is looked at is none. */
function processesWhere(holds: (pid: number) => boolean): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      return holds(pid);
    } catch {
      return false;
    }
  });
}

/** The live processes of a process group. */
export function membersOf(group: number): number[] {
  return processesWhere((pid) => {
    const [state, , of] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(of) === group && isAliveIn(state);
  });
}

/** Waits until no process of a group lives; one that was killed may take a moment to die. */
export function groupGone(group: number, timeoutMs: number = 2000): Promise<void> {
  return until('the process group to be gone', () => membersOf(group).length === 0, timeoutMs);
}

/** Every live process that has this directory as its working directory. */
export function livingIn(directory: string): number[] {
  return processesWhere((pid) => {
    const at = readlinkSync(`/proc/${pid}/cwd`);
    return at === directory || at === `${directory} (deleted)`;
  });
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It may have ended by itself.
    if (isAlive(pid)) throw error;
  }
}

/** Kills what lives in a directory, and what it starts meanwhile, until nothing does. @param spares what is left alone */
export function killLivingIn(directory: string, spares: (pid: number) => boolean = () => false): Promise<void> {
  return until(`what lives in ${directory} to be gone`, () => {
    const doomed = livingIn(directory).filter((pid) => isAlive(pid) && !spares(pid));
    for (const pid of doomed) killed(pid);
    return doomed.length === 0;
  });
}
