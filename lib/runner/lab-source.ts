import { HarnessError } from '../errors.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import type { Evidence, HostProvenance } from '../evidence/schema.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { launchName } from '../scenarios/scenario.ts';
import type { Prober } from './explain-cell.ts';
import type { ArtifactsAtHand } from './known-cell.ts';
import { LabHost } from './lab-host.ts';
import { type HostsRun, openHost } from './open-host.ts';
import {
  attemptsFilePath,
  type CellLaunch,
  type EvidenceSource,
  type LaunchAccount,
  type PredictedEvidence,
} from './outcome.ts';
import { pausesUntil } from './pauses.ts';
import { keptEvidence } from './resume.ts';
import { standInsFor } from './stand-ins.ts';
import { type Candidate, type Tried, tryCell } from './try-cell.ts';

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
  /** By the names of launches. */
  readonly #notices = new Map<string, string[]>();

  /** @throws HarnessError HOSTS_INVALID for a host that is none */
  constructor(name: string, entries: readonly HostEntry[], run: HostsRun) {
    const entry = entries.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new HarnessError({ code: 'HOSTS_INVALID', what: `no host named "${name}"` });
    this.#run = run;
    const hostOf = (one: HostEntry): LabHost => new LabHost(one, run.plan, () => openHost(one, run));
    this.#own = hostOf(entry);
    this.#standIns = standInsFor(name, entries).map(hostOf);
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
          launch: () => host.use((launcher) => launcher.evidenceOf(launch, signal)),
          failuresInARow: () => host.health.failuresInARow(),
          tell: (trouble) => host.tell(trouble),
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
    const notices = tried.setAside.map(({ code, what, hint }) => `${code}: ${what}\n  hint: ${hint}`);
    const failures = tried.attempts.filter(({ trouble }) => trouble !== null);
    if (tried.attempts.length > 1 && failures.length > 0) {
      const told = failures.map(
        ({ host, trouble }) => `  ${host}: ${trouble?.code}: ${trouble?.what.split('\n', 1)[0]}`,
      );
      notices.push([`${this.#own.entry.name} ${title}:${attemptsText(tried)}`, ...told].join('\n'));
    }
    if (notices.length > 0) this.#notices.set(title, notices);
  }

  proberOf({ host: { name } }: Evidence): Prober {
    const host = [this.#own, ...this.#standIns].find(({ entry }) => entry.name === name) ?? this.#own;
    return { probe: (cell, ask, signal) => host.use((launcher) => launcher.probe(cell, ask, signal)) };
  }

  artifactsAtHand(): Promise<ArtifactsAtHand> {
    return this.#run.artifacts.atHand();
  }

  takeAccount({ cell, scenario }: CellLaunch): LaunchAccount {
    const title = launchName(cell.id, scenario?.name);
    const notices = this.#notices.get(title) ?? [];
    this.#notices.delete(title);
    return { notices };
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
