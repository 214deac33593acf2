/**
 * The program of a process that launches cells ahead of their tests, on one host or some. The runner starts it and says what
 * to launch; it says of each launch what came of it. When the runner goes, it ends its launches and itself.
 */
import { rmdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { cacheDirectory } from '../../cache.ts';
import { asHarnessError } from '../../errors.ts';
import { readHostReport } from '../host-reports.ts';
import { openLab } from '../open-source.ts';
import type { CellLaunch, EvidenceSource } from '../outcome.ts';
import { performLaunch } from '../perform-launch.ts';
import { type LoadedPlan, launchesByName, loadPlan, readPlan } from '../plan.ts';
import { cellTimeoutMs } from '../timeouts.ts';
import { AHEAD_VARIABLE, ALIVE, ALIVE_MS, type Answer, MAX_TEXT, type ToLaunchProcess, type Told } from './messages.ts';

/** How long the end of all launches may take when the runner is gone. */
const END_MS = 20_000;

const loaded = loadPlan(readPlan(process.env, process.cwd()));
const stop = new AbortController();
const sources: Promise<EvidenceSource>[] = [];
/** Names of launches that have not begun, by host. */
const queues = new Map<string, string[]>();
let launches: Promise<unknown> = Promise.resolve();

/** Ends when it is on its way. */
function say(answer: Answer): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(answer, () => resolve());
    else resolve();
  });
}

/** Launches a cell and keeps what it leaves. @returns null where it is not known what must come of it: its test says so */
async function told(host: string, name: string, launch: CellLaunch, source: EvidenceSource): Promise<Told | null> {
  const mark = performance.now();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(cellTimeoutMs(loaded))]);
  let error: Told['error'] = null;
  try {
    const { outcome } = await source.expectationOf(launch);
    if (outcome === 'unknown') return null;
    await performLaunch(source, launch, loaded, signal);
  } catch (thrown) {
    // Ended by somebody's hand, while the run goes on: tests launch by themselves.
    if (stop.signal.reason === 'signal') return null;
    const { code, what, where, hint } = asHarnessError(thrown, { code: 'INTERNAL' });
    error = { code, what: what.slice(0, MAX_TEXT), where, hint };
  }
  const notices = source.takeAccount(launch).notices.map((notice) => notice.slice(0, MAX_TEXT));
  return { host, launch: name, tookMs: performance.now() - mark, notices, error };
}

async function launchOn(host: string, names: readonly string[], { plan, source, hosts }: LoadedPlan): Promise<void> {
  if (source.kind !== 'hosts') return;
  const opening = openLab({ ...loaded, source }, host, cacheDirectory(process.env, homedir()));
  sources.push(opening);
  const opened = await opening;
  const own = hosts.find(({ name }) => name === host)?.slots ?? 1;
  const slots = Math.max(1, readHostReport(plan.runDirectory, host)?.slots.usable ?? own);
  const known = launchesByName(loaded);
  const queue = [...names];
  queues.set(host, queue);
  const inOneSlot = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const launch = known.get(name);
      const came = launch === undefined || stop.signal.aborted ? null : await told(host, name, launch, opened);
      await say({ host, launch: name, told: came });
    }
  };
  await Promise.all(Array.from({ length: slots }, inOneSlot));
}

/** A test waits for it: nobody knows in which order the tests of others run. */
function putFirst(host: string, launch: string): void {
  const queue = queues.get(host) ?? [];
  const at = queue.indexOf(launch);
  if (at > 0) queue.unshift(...queue.splice(at, 1));
}

async function end(why: 'run' | 'signal'): Promise<void> {
  stop.abort(why);
  setTimeout(() => process.exit(1), END_MS).unref();
  await launches.catch(() => undefined);
  const opened = await Promise.allSettled(sources);
  await Promise.allSettled(opened.map((source) => (source.status === 'fulfilled' ? source.value.close() : undefined)));
  process.exit(0);
}

/** A runner that was killed leaves its socket behind. */
function removeSocket(): void {
  const path = process.env[AHEAD_VARIABLE];
  if (path === undefined) return;
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch (error) {
    // Another process of the run was faster, or the folder is not only of this run.
    if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

setInterval(() => {
  if (process.connected) process.send?.(ALIVE, () => undefined);
}, ALIVE_MS).unref();

// Whoever ends the run by hand ends the runner, which knows what is to be done here.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end('signal'));
process.once('disconnect', () => {
  void end('run');
  removeSocket();
});
process.on('message', (message: ToLaunchProcess) => {
  if (message.kind === 'stop') void end('run');
  else if (message.kind === 'asked') putFirst(message.host, message.launch);
  else {
    const each = Object.entries(message.announced).map(([host, names]) => launchOn(host, names, loaded));
    launches = Promise.all(each);
  }
});
