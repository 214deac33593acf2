import type { HarnessError } from '../errors.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { type Limits, limitsOf } from '../host/limits.ts';
import { unsuitable } from '../host/preflight/suitable.ts';
import type { Cell } from '../matrix/cell.ts';
import { HostHealth } from './host-health.ts';
import { readHostReport } from './host-reports.ts';
import type { Launcher } from './launcher.ts';
import type { Plan } from './plan.ts';

/** What is opened to reach a host. */
interface Closable {
  close(): Promise<void>;
}

/** A connection to a host, and what is under way on it. */
interface Opened<L> {
  readonly launcher: Promise<L>;
  inUse: number;
  /** Nothing new is begun on it. */
  retired: boolean;
}

/** A host of the run, opened at first use and again after something failed there; several cells may launch there at once. */
export class LabHost<L extends Closable = Launcher> {
  readonly entry: HostEntry;
  readonly limits: Limits;
  readonly health: HostHealth;
  readonly #runDirectory: string;
  readonly #open: () => Promise<L>;
  /** Troubles that were told. */
  readonly #told = new WeakSet<HarnessError>();
  #opened: Opened<L> | undefined;

  /** @param open connects, and is asked again after something failed */
  constructor(
    entry: HostEntry,
    { runDirectory, runId = '' }: Pick<Plan, 'runDirectory' | 'runId'>,
    open: () => Promise<L>,
  ) {
    this.entry = entry;
    this.#runDirectory = runDirectory;
    this.#open = open;
    this.limits = limitsOf(entry);
    this.health = new HostHealth(runDirectory, entry.name, runId);
  }

  #current(): Opened<L> {
    this.#opened ??= { launcher: this.#open(), inUse: 0, retired: false };
    return this.#opened;
  }

  /** What is known of the host without a connection to it. */
  launcher(): Promise<L> {
    return this.#current().launcher;
  }

  /** Whatever went wrong with a host, what begins after it begins with a new connection; what is under way ends on the old one. */
  async use<T>(work: (launcher: L) => Promise<T>): Promise<T> {
    const opened = this.#current();
    opened.inUse += 1;
    try {
      return await work(await opened.launcher);
    } catch (thrown) {
      opened.retired = true;
      if (this.#opened === opened) this.#opened = undefined;
      throw thrown;
    } finally {
      opened.inUse -= 1;
      if (opened.retired && opened.inUse === 0) await closed(opened);
    }
  }

  /** Tells how an attempt ended. A connection that is lost ends all that is under way on it with one error, and counts once. */
  tell(trouble: HarnessError | null): void {
    if (trouble !== null && this.#told.has(trouble)) return;
    if (trouble !== null) this.#told.add(trouble);
    this.health.tell(trouble?.code ?? null);
  }

  /** May this host try the cell at all? */
  suits(cell: Cell): boolean {
    const report = readHostReport(this.#runDirectory, this.entry.name);
    return report !== undefined && unsuitable(cell, report) === undefined;
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) await closed(opened);
  }
}

async function closed({ launcher }: Opened<Closable>): Promise<void> {
  const opened = await launcher.catch(() => undefined);
  // What was done over it is done, however its end goes.
  await opened?.close().catch(() => undefined);
}
