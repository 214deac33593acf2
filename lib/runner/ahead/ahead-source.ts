import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HarnessError } from '../../errors.ts';
import type { Evidence, HostProvenance } from '../../evidence/schema.ts';
import type { Expectation } from '../../scenarios/expectation.ts';
import { launchName } from '../../scenarios/scenario.ts';
import type { Prober } from '../explain-cell.ts';
import type { ArtifactsAtHand } from '../known-cell.ts';
import {
  type CellLaunch,
  cellFilePath,
  type EvidenceSource,
  type LaunchAccount,
  type PredictedEvidence,
} from '../outcome.ts';
import { predictEvidence } from '../predict-cell.ts';
import { readKept } from '../resume.ts';
import { onJsonLines, writeJsonLine } from './json-lines.ts';
import { answerSchema, type Question, type Told } from './messages.ts';

const nameOf = ({ cell, scenario }: CellLaunch): string => launchName(cell.id, scenario?.name);

/** Asks the runner what came of launches. One connection for all questions; a runner that is gone knows of nothing. */
class Runner {
  readonly #path: string;
  /** Who waits for what came of a launch: a test may ask for one twice. */
  readonly #waiting = new Map<string, ((told: Told | null) => void)[]>();
  #socket: Promise<Socket | null> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async ask(question: Question, signal: AbortSignal): Promise<Told | null> {
    this.#socket ??= this.#connected();
    const socket = await this.#socket;
    if (socket === null || socket.destroyed) return null;
    let abort: () => void = () => undefined;
    const told = new Promise<Told | null>((resolve, reject) => {
      abort = () => reject(new HarnessError({ code: 'HOST_TIMEOUT', what: 'the test was over before its launch' }));
      const { launch } = question;
      this.#waiting.set(launch, [...(this.#waiting.get(launch) ?? []), resolve]);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    writeJsonLine(socket, question);
    return told.finally(() => signal.removeEventListener('abort', abort));
  }

  async #connected(): Promise<Socket | null> {
    const socket = connect(this.#path);
    socket.once('close', () => this.#end());
    try {
      await once(socket, 'connect');
    } catch {
      return null; // The runner is gone: the launch is made here.
    }
    socket.on('error', () => undefined);
    onJsonLines(socket, answerSchema, ({ launch, told }) => {
      const [first, ...others] = this.#waiting.get(launch) ?? [];
      if (others.length === 0) this.#waiting.delete(launch);
      else this.#waiting.set(launch, others);
      first?.(told);
    });
    return socket;
  }

  #end(): void {
    for (const resolve of [...this.#waiting.values()].flat()) resolve(null);
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    (await this.#socket)?.destroy();
  }
}

/**
 * The cells of a host as the processes of the runner launched them ahead of their tests. What was not announced, and what such
 * a process did not live to tell, is launched when it is asked for.
 */
export class AheadSource implements EvidenceSource {
  readonly #host: string;
  readonly #runDirectory: string;
  readonly #runner: Runner;
  readonly #open: () => Promise<EvidenceSource>;
  #own: Promise<EvidenceSource> | undefined;
  readonly #accounts = new Map<string, LaunchAccount>();

  /** @param runner the socket on which the runner is asked   @param open what launches in this process */
  constructor(host: string, runDirectory: string, runner: string, open: () => Promise<EvidenceSource>) {
    this.#host = host;
    this.#runDirectory = runDirectory;
    this.#runner = new Runner(runner);
    this.#open = open;
  }

  #launching(): Promise<EvidenceSource> {
    this.#own ??= this.#open();
    return this.#own;
  }

  async provenance(): Promise<HostProvenance> {
    return (await this.#launching()).provenance();
  }

  async expectationOf(launch: CellLaunch): Promise<Expectation> {
    if (launch.scenario === undefined) return { outcome: 'accepted' };
    return (await this.#launching()).expectationOf(launch);
  }

  async evidenceOf(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    const name = nameOf(launch);
    const told = await this.#runner.ask({ host: this.#host, launch: name }, signal);
    if (told === null) return this.#launched(launch, signal);
    const { error, notices, tookMs } = told;
    this.#accounts.set(name, { notices, tookMs });
    if (error !== null) throw new HarnessError(error);
    const file = cellFilePath(this.#runDirectory, this.#host, name);
    const kept = readKept(file);
    if (kept === undefined) {
      throw new HarnessError({ code: 'OUTPUT_FAILED', what: 'it was written and cannot be read now', where: file });
    }
    return { prediction: predictEvidence(kept.evidence), evidence: kept.evidence, kept };
  }

  async #launched(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    const own = await this.#launching();
    try {
      return await own.evidenceOf(launch, signal);
    } finally {
      this.#accounts.set(nameOf(launch), own.takeAccount(launch));
    }
  }

  proberOf(evidence: Evidence): Prober {
    return {
      probe: async (cell, ask, signal) => {
        const prober = (await this.#launching()).proberOf(evidence);
        if (prober === null) throw new HarnessError({ code: 'INTERNAL', what: 'nothing can be launched' });
        return prober.probe(cell, ask, signal);
      },
    };
  }

  async artifactsAtHand(): Promise<ArtifactsAtHand> {
    return (await this.#launching()).artifactsAtHand();
  }

  takeAccount(launch: CellLaunch): LaunchAccount {
    const name = nameOf(launch);
    const account = this.#accounts.get(name) ?? { notices: [] };
    this.#accounts.delete(name);
    return account;
  }

  async close(): Promise<void> {
    await this.#runner.close();
    const own = await this.#own?.catch(() => undefined);
    await own?.close();
  }
}
