import pLimit from 'p-limit';
import type { HostReport } from '../evidence/host-report.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { limitsOf } from '../host/limits.ts';
import { openHostSession } from '../host/open-session.ts';
import { preflightHost } from '../host/preflight/preflight.ts';
import { TreePacker } from '../host/qemu-tree.ts';
import { emulationOf } from './open-host.ts';
import { retryRule } from './retry-rules.ts';

/** Hosts looked at side by side. */
const AT_ONCE = 16;
/** A pause that is meant for launches may be of minutes; before a run everybody waits for it. */
const MAX_PAUSE_MS = 30_000;

/** Looks at one host, once. It never fails: what cannot be asked is in the report. */
export type Look = (entry: HostEntry) => Promise<HostReport>;

/** How hosts are looked at. */
export interface PreflightOptions {
  /** Called with the report of each host as it comes, once for each. */
  onReport?(report: HostReport): Promise<void> | void;
  /** Where there is any, a host whose trouble may pass is looked at once more. */
  again?: {
    /** Before the second look. */
    pause(ms: number): Promise<void>;
    /** Called with what came of it, a sentence. */
    tell(sentence: string): void;
  };
}

/** What hosts are really looked at with. */
export function looksWith(cacheFolder: string): Look {
  const means = {
    open: (entry: HostEntry) => openHostSession(entry),
    emulationOf: (entry: HostEntry) => emulationOf(entry, cacheFolder),
    trees: new TreePacker(cacheFolder),
    now: () => new Date(),
  };
  return (entry) => preflightHost(entry, means);
}

const errorsOf = ({ findings }: HostReport) => findings.filter(({ level }) => level === 'error');

const codesOf = (report: HostReport): string =>
  [...new Set(errorsOf(report).map(({ code }) => code ?? 'INTERNAL'))].join(', ');

/** May all that is wrong with a host be gone at a second look? By the rules for launches. */
function mayPass(report: HostReport): boolean {
  return (
    report.state === 'out' &&
    errorsOf(report).every(({ code }) => {
      const attempts = code === null ? undefined : retryRule(code)?.onSameHost;
      return attempts !== undefined && attempts !== 1;
    })
  );
}

/** The second report, which keeps what the first look saw. */
function afterSecondLook(first: HostReport, second: HostReport): HostReport {
  const seen = errorsOf(first).map(({ what }) => what);
  const what = `it was looked at again after ${codesOf(first)}: ${seen.join('; ')}`;
  return { ...second, findings: [...second.findings, { level: 'note', code: null, what, fix: null }] };
}

/**
 * Looks at hosts, side by side: each once, and with `again` once more after a pause of its limits where its trouble may pass.
 * No host waits for the pause of another.
 * @returns the reports in the order of the entries
 */
export function preflightHosts(
  entries: readonly HostEntry[],
  look: Look,
  { onReport, again }: PreflightOptions = {},
): Promise<HostReport[]> {
  const limit = pLimit(AT_ONCE);
  const lookTwice = async (entry: HostEntry): Promise<HostReport> => {
    const first = await limit(look, entry);
    const { attempts, backoffSeconds } = limitsOf(entry);
    if (again === undefined || attempts === 1 || !mayPass(first)) return first;
    await again.pause(Math.min(backoffSeconds * 1000, MAX_PAUSE_MS));
    const second = await limit(look, entry);
    const outcome = second.state === 'out' ? `and still out: ${codesOf(second)}` : `and ${second.state}`;
    again.tell(`host ${entry.name}: looked at again after ${codesOf(first)}, ${outcome}`);
    return afterSecondLook(first, second);
  };
  return Promise.all(
    entries.map(async (entry) => {
      const report = await lookTwice(entry);
      await onReport?.(report);
      return report;
    }),
  );
}
