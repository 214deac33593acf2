import { closeSync, openSync, renameSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { HarnessError } from '../errors.ts';
import { makeFolder } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import type { KdsEdge } from './http.ts';

const RENEW_MS = 5_000;
/** A turn that was not renewed for so long is that of a process that is gone. */
const STALE_MS = 60_000;
const LOOK_MS = 100;
const DEADLINE_MS = 10 * 60_000;

/** Makes the file if there is none. */
function taken(path: string): boolean {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, `${process.pid}\n`);
    closeSync(file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new HarnessError({
      code: 'KDS_CACHE',
      what: `the cache cannot be locked: ${fileTrouble(cause)}`,
      where: path,
      hint: 'SNP_CONFORM_CACHE names another folder',
      cause,
    });
  }
}

/** Says that the turn is still in use. */
function renew(path: string, now: Date): void {
  try {
    utimesSync(path, now, now);
  } catch (error) {
    // This process stood still for so long that another took over; two at a time do less harm than none.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Removes the file of a process that is gone; by renaming, so that of several that see it only one does. */
function clearStale(path: string, now: Date): void {
  try {
    if (now.getTime() - statSync(path).mtimeMs < STALE_MS) return;
    const aside = `${path}.${process.pid}.stale`;
    renameSync(path, aside);
    rmSync(aside, { force: true });
  } catch (error) {
    // Somebody else was faster, and the next look sees what they left.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/**
 * Does one piece of work at a time, among all processes that name the same file: the service throttles a client for asking
 * often, and what one of them fetched the others find in the cache.
 * @throws HarnessError KDS_CACHE where the file cannot be made, or the turn does not come within ten minutes
 */
export async function inTurn<T>(path: string, edge: KdsEdge, work: () => Promise<T>): Promise<T> {
  makeFolder(dirname(path), 'cache');
  const deadline = edge.now().getTime() + DEADLINE_MS;
  while (!taken(path)) {
    if (edge.now().getTime() > deadline) {
      throw new HarnessError({
        code: 'KDS_CACHE',
        what: `another process has used the cache for more than ${DEADLINE_MS / 60_000} minutes`,
        where: path,
      });
    }
    clearStale(path, edge.now());
    await edge.sleep(LOOK_MS);
  }
  const renewal = setInterval(() => renew(path, edge.now()), RENEW_MS);
  renewal.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    rmSync(path, { force: true });
  }
}
