import pLimit from 'p-limit';
import type { HostReport } from '../evidence/host-report.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { openHostSession } from '../host/open-session.ts';
import { preflightHost } from '../host/preflight/preflight.ts';
import { TreePacker } from '../host/qemu-tree.ts';
import { emulationOf } from './open-host.ts';

/** Hosts looked at side by side. */
const AT_ONCE = 16;

/**
 * Looks at hosts, each once, side by side.
 * @param onReport called with each report as it comes   @returns the reports in the order of the entries
 */
export function preflightHosts(
  entries: readonly HostEntry[],
  cacheFolder: string,
  onReport: (report: HostReport) => Promise<void> | void = () => undefined,
): Promise<HostReport[]> {
  const limit = pLimit(AT_ONCE);
  const means = {
    open: (entry: HostEntry) => openHostSession(entry),
    emulationOf: (entry: HostEntry) => emulationOf(entry, cacheFolder),
    trees: new TreePacker(cacheFolder),
    now: () => new Date(),
  };
  const looks = entries.map((entry) =>
    limit(async () => {
      const report = await preflightHost(entry, means);
      await onReport(report);
      return report;
    }),
  );
  return Promise.all(looks);
}
