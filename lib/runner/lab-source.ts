import { HarnessError } from '../errors.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { type Limits, limitsOf } from '../host/limits.ts';
import { unsuitable } from '../host/preflight/suitable.ts';
import type { Cell } from '../matrix/cell.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { launchName } from '../scenarios/scenario.ts';
import type { Prober } from './explain-cell.ts';
import { HostHealth } from './host-health.ts';
import { readHostReport } from './host-reports.ts';
import type { ArtifactsAtHand } from './known-cell.ts';
import type { Launcher } from './launcher.ts';
import { type HostsRun, openHost } from './open-host.ts';
import { attemptsFilePath, type CellLaunch, type EvidenceSource, type PredictedEvidence } from './outcome.ts';
import { keptEvidence } from './resume.ts';
import { standInsFor } from './stand-ins.ts';
import { type Candidate, type Pauses, type Tried, tryCell } from './try-cell.ts';

/** A host of the run, opened at first use and again after its connection went. */
class LabHost {
  readonly entry: HostEntry;
  readonly limits: Limits;
  readonly health: HostHealth;
  readonly #run: HostsRun;
  #launcher: Promise<Launcher> | undefined;

  constructor(entry: HostEntry, run: HostsRun) {
    this.entry = entry;
    this.#run = run;
    this.limits = limitsOf(entry);
    this.health = new HostHealth(run.plan.runDirectory, entry.name, run.plan.runId ?? '');
  }

  launcher(): Promise<Launcher> {
    this.#launcher ??= openHost(this.entry, this.#run);
    return this.#launcher;
  }

  async launch(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    try {
      return await (await this.launcher()).evidenceOf(launch, signal);
    } catch (thrown) {
      // Whatever went wrong with a host, the next attempt begins with a new connection.
      await this.close();
      throw thrown;
    }
  }

  /** May this host try the cell at all? */
  suits(cell: Cell): boolean {
    const report = readHostReport(this.#run.plan.runDirectory, this.entry.name);
    return report !== undefined && unsuitable(cell, report) === undefined;
  }

  async close(): Promise<void> {
    const opened = this.#launcher;
    this.#launcher = undefined;
    const launcher = await opened?.catch(() => undefined);
    await launcher?.close();
  }
}

function pausesUntil(signal: AbortSignal): Pauses {
  return {
    now: () => new Date(),
    elapsedMs: () => performance.now(),
    random: Math.random,
    pause: (ms) =>
      new Promise((resolve, reject) => {
        const abort = (): void => {
          clearTimeout(timer);
          reject(new HarnessError({ code: 'HOST_TIMEOUT', what: 'the test was over before the next attempt' }));
        };
        const timer = setTimeout(() => {
          signal.removeEventListener('abort', abort);
          resolve();
        }, ms);
        signal.addEventListener('abort', abort, { once: true });
      }),
  };
}

/** `after 3 attempts: milan-1 SSH_LOST, milan-1 SSH_CONNECT, milan-2 HOST_BUSY`; nothing for a single one. */
function attemptsText({ attempts }: Tried): string {
  if (attempts.length < 2) return '';
  const told = attempts.map(({ host, trouble }) => `${host} ${trouble?.code ?? 'worked'}`);
  return ` (after ${attempts.length} attempts: ${told.join(', ')})`;
}

/** Launches the cells of one host; tries again, and elsewhere, where the lab fails. */
export class LabSource implements EvidenceSource {
  readonly #own: LabHost;
  readonly #standIns: readonly LabHost[];
  readonly #run: HostsRun;
  /** Where the latest evidence is from: what explains it is asked there. */
  #latest: LabHost;
  #notices: string[] = [];

  /** @throws HarnessError HOSTS_INVALID for a host that is none */
  constructor(name: string, entries: readonly HostEntry[], run: HostsRun) {
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new HarnessError({ code: 'HOSTS_INVALID', what: `no host named "${name}"` });
    this.#run = run;
    this.#own = new LabHost(entry, run);
    this.#latest = this.#own;
    this.#standIns = standInsFor(name, entries).map((other) => new LabHost(other, run));
  }

  async provenance(): Promise<HostProvenance> {
    return (await this.#own.launcher()).provenance();
  }

  async expectationOf(launch: CellLaunch): Promise<Expectation> {
    return (await this.#own.launcher()).expectationOf(launch);
  }

  async evidenceOf(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    const { plan, artifacts } = this.#run;
    const { name } = this.#own.entry;
    const kept = plan.resumed && (await keptEvidence(plan.runDirectory, name, launch, artifacts));
    return kept ?? (await this.#launched(launch, signal));
  }

  async #launched(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    const hosts = [this.#own, ...this.#standIns.filter((host) => host.suits(launch.cell))];
    const tried = await tryCell(
      hosts.map(
        (host): Candidate => ({
          name: host.entry.name,
          limits: host.limits,
          launch: () => {
            this.#latest = host;
            return host.launch(launch, signal);
          },
          failuresInARow: () => host.health.failuresInARow(),
          tell: (trouble) => host.health.tell(trouble),
        }),
      ),
      pausesUntil(signal),
    );
    const title = launchName(launch.cell.id, launch.scenario?.name);
    this.#notice(title, tried);
    if (tried.result !== undefined) return this.#withAttempts(tried.result, tried);
    const { name } = this.#own.entry;
    const content = { format: 'snp-conform/attempts@1', launch: title, host: name, attempts: tried.attempts };
    const file = attemptsFilePath(this.#run.plan.runDirectory, name, title);
    await writeFileAtomically(file, `${JSON.stringify(content, null, 1)}\n`, 'lasting');
    const { code, what, where, hint } = tried.trouble ?? { code: 'INTERNAL' as const, what: 'nothing was tried' };
    throw new HarnessError({ code, what: `${what}${attemptsText(tried)}`, where, hint, cause: tried.trouble });
  }

  #notice(title: string, tried: Tried): void {
    for (const { code, what, hint } of tried.setAside) this.#notices.push(`${code}: ${what}\n  hint: ${hint}`);
    const failures = tried.attempts.filter(({ trouble }) => trouble !== null);
    if (tried.attempts.length < 2 || failures.length === 0) return;
    const told = failures.map(({ host, trouble }) => `  ${host}: ${trouble?.code}: ${trouble?.what.split('\n', 1)[0]}`);
    this.#notices.push([`${this.#own.entry.name} ${title}:${attemptsText(tried)}`, ...told].join('\n'));
  }

  get prober(): Prober {
    return { probe: async (cell, ask, signal) => (await this.#latest.launcher()).probe(cell, ask, signal) };
  }

  artifactsAtHand(): Promise<ArtifactsAtHand> {
    return this.#run.artifacts.atHand();
  }

  takeNotices(): string[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  #withAttempts({ prediction, evidence }: PredictedEvidence, { attempts }: Tried): PredictedEvidence {
    const { name } = this.#own.entry;
    const standsInFor = evidence.host.name === name ? {} : { standsInFor: name };
    return { prediction, evidence: { ...evidence, attempts, ...standsInFor } };
  }

  async close(): Promise<void> {
    await Promise.all([this.#own, ...this.#standIns].map((host) => host.close()));
  }
}
