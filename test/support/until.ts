import { readFileSync } from 'node:fs';

/** The longest pause between two looks; the first is a fraction of it, since most claims hold at once. */
const PAUSE_MS = 100;

/**
 * Polls until a claim holds.
 * @param what completes "waited for ..."   @throws Error after timeoutMs
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number = 5000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; !(await holds()); pause = Math.min(PAUSE_MS, pause * 1.5)) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Is a process in this state of /proc/PID/stat not merely waiting to be buried? */
export function isAliveIn(state = ''): boolean {
  return !/^[ZX]/.test(state);
}

/** Is there a process of this id that is not merely waiting to be buried? */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return isAliveIn(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error,
  );
}
