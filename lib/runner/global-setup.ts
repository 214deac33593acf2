import { homedir } from 'node:os';
import { cacheDirectory } from '../cache.ts';
import { writeHostReport } from './host-reports.ts';
import { loadPlan, readPlan } from './plan.ts';
import { preflightHosts } from './preflight.ts';

/**
 * Looks at every host of the plan, once, before any test file is loaded, and keeps what was found in the run directory:
 * workers launch by it, and the reporter skips by it. It never fails for a host: a host that is out is out alone.
 */
export default async function globalSetup(): Promise<void> {
  const { source, plan } = loadPlan(readPlan(process.env, process.cwd()));
  if (source.kind !== 'hosts') return;
  const cacheFolder = cacheDirectory(process.env, homedir());
  await preflightHosts(source.entries, cacheFolder, (report) => writeHostReport(plan.runDirectory, report));
}
