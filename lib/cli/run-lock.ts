import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { makeFolder, outputError } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import type { Plan } from '../runner/plan.ts';

/** A process that may be there still. `startedAt` tells it from a later one of the same number; null where nobody says. */
const holderSchema = z.strictObject({ pid: z.int().positive(), startedAt: z.string().nullable() });
type Holder = z.infer<typeof holderSchema>;

/** How often, and how long apart, a lock is read that does not say yet whose it is: it is made and written in two steps. */
const READS = 5;
const READ_PAUSE_MS = 40;
/** A lock that was given up is tried for again; more often than this only where many come and go. */
const TRIES = 20;

const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && 'code' in thrown ? thrown.code : undefined);

/**
 * When a process started, in clock ticks since the boot, and whether it still runs; undefined where /proc does not show it.
 * Source: proc_pid_stat(5); the second field may hold spaces and brackets, the third is the state, the 22nd the start.
 */
function processStat(pid: number): { startedAt: string; ended: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // No /proc, no such process, or one of another user where they are hidden.
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startedAt = fields[22 - 3];
  return startedAt === undefined ? undefined : { startedAt, ended: /^[ZX]/.test(fields[0] ?? '') };
}

function isThere({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    // A process of another user may not be asked, and is there.
    if (codeOf(thrown) !== 'EPERM') return false;
  }
  const stat = processStat(pid);
  if (stat === undefined) return true;
  return !stat.ended && (startedAt === null || startedAt === stat.startedAt);
}

/** What a lock says; undefined where there is none. */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw outputError(cause, { what: `--out: its lock cannot be read: ${fileTrouble(cause)}`, where: path });
  }
}

function holderIn(content: string): Holder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(content)).data;
  } catch {
    return undefined; // Not written yet, or whoever made it was killed before.
  }
}

/** Makes the lock. @returns was there none? */
function made(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    // What was begun on a full disk says nothing: the next one would take it over, and this removes it.
    if (codeOf(cause) === 'ENOSPC' || codeOf(cause) === 'EDQUOT') rmSync(path, { force: true });
    throw outputError(cause, {
      what: `--out: the folder cannot be written: ${fileTrouble(cause)}`,
      where: path,
      hint: 'name a folder that this user may write',
    });
  }
}

/** What the lock at this path says, after it had the time to be written; undefined where it is gone. */
async function settledContent(path: string): Promise<string | undefined> {
  let content = contentOf(path);
  for (let read = 1; read < READS && content !== undefined && holderIn(content) === undefined; read++) {
    await pause(READ_PAUSE_MS);
    content = contentOf(path);
  }
  return content;
}

/** Takes away a lock whose process is gone, and no other that was made in its place meanwhile. */
function removeStale(path: string, content: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return; // Somebody else was faster.
    throw outputError(thrown, { what: `--out: the folder cannot be written: ${fileTrouble(thrown)}`, where: path });
  }
  const moved = readFileSync(aside, 'utf8');
  // Of two that found the same dead holder the slower one moves the new lock of the faster: it is given back.
  if (moved !== content) made(path, moved);
  rmSync(aside, { force: true });
}

function inUse({ runDirectory, resumed }: Plan, { pid }: Holder): HarnessError {
  const end = `end it with: kill -INT ${pid}`;
  return new HarnessError({
    code: 'USAGE',
    what: `process ${pid} is at work on the run in this folder`,
    where: runDirectory,
    hint: resumed
      ? `a run is gone on with when it has ended: wait for that, or ${end}`
      : `name another folder with --out, wait for its end, or ${end}`,
  });
}

/**
 * Does work on a run as the only process of this machine: a second one would move the run of the first away, or write into
 * it. The lock is a file beside the run directory that names this process; that of a process that is gone is taken over.
 * @throws HarnessError USAGE where another process has it, before anything is changed; OUTPUT_UNWRITABLE, OUTPUT_FAILED
 */
export async function withRunLock<T>(plan: Plan, work: () => Promise<T>): Promise<T> {
  const path = `${plan.runDirectory}.lock`;
  const self: Holder = { pid: process.pid, startedAt: processStat(process.pid)?.startedAt ?? null };
  const own = `${JSON.stringify(self)}\n`;
  makeFolder(dirname(path), '--out');
  for (let tries = 1; !made(path, own); tries++) {
    const content = await settledContent(path);
    if (content === undefined && tries < TRIES) continue;
    const holder = holderIn(content ?? '');
    if (holder !== undefined && isThere(holder)) throw inUse(plan, holder);
    if (content === undefined || tries >= TRIES) {
      throw new HarnessError({ code: 'INTERNAL', what: 'this lock comes and goes', where: path });
    }
    removeStale(path, content);
  }
  try {
    return await work();
  } finally {
    if (contentOf(path) === own) rmSync(path, { force: true });
  }
}
