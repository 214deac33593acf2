import { homedir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { cacheDirectory } from '../cache.ts';
import { startLaunchProcesses } from './ahead/launch-processes.ts';
import { writeHostReport } from './host-reports.ts';
import { loadPlan, readPlan } from './plan.ts';
import { looksWith, preflightHosts } from './preflight.ts';

/** A search for an explanation may hold a process up for some seconds; one that says nothing for so long hangs. */
const SILENCE_MS = 120_000;

/**
 * Looks at every host of the plan before any test file is loaded, once more where its trouble may pass, and keeps what was
 * found in the run directory: cells are launched by it, and the reporter skips by it. It never fails for a host: a host that
 * is out is out alone.
 * Meanwhile the processes that launch ahead of tests load their program.
 * @returns what ends these
 */
export default async function globalSetup(): Promise<(() => Promise<void>) | undefined> {
  const { source, plan, hosts } = loadPlan(readPlan(process.env, process.cwd()));
  if (source.kind !== 'hosts') return undefined;
  const names = hosts.map(({ name }) => name);
  const stop = await startLaunchProcesses(names, SILENCE_MS);
  try {
    await preflightHosts(source.entries, looksWith(cacheDirectory(process.env, homedir())), {
      onReport: (report) => writeHostReport(plan.runDirectory, report),
      again: { pause: (ms) => pause(ms), tell: (sentence) => process.stderr.write(`LAB ${sentence}\n`) },
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
