import { Worker } from 'node:worker_threads';
import { HarnessError } from '../errors.ts';
import type { UnitDone, UnitRunner } from '../explain/search.ts';
import type { SearchTask } from './search-worker.ts';
import { workerProgram } from './worker-program.ts';

/** Units that a worker has in hand: the next is there when one is done. */
const IN_HAND = 2;
/** A search keeps little; what its hashes leave behind must not pile up. */
const HEAP_MIB = 96;

/** Can searches be shared out among workers here? */
export function workersAvailable(): boolean {
  return workerProgram('search-worker') !== null;
}

/** Takes results in as they come and gives them out as they are asked for. */
class Results {
  readonly #ready: UnitDone[] = [];
  #failure: unknown;
  #wake: (() => void) | undefined;

  push(done: UnitDone): void {
    this.#ready.push(done);
    this.#wake?.();
  }

  fail(cause: unknown): void {
    this.#failure ??= cause;
    this.#wake?.();
  }

  async next(): Promise<UnitDone> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const done = this.#ready.shift();
      if (done !== undefined) return done;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Worker threads that search parts of one search side by side. */
export class SearchPool {
  readonly #workers: readonly Worker[];
  #results = new Results();

  /** @param size how many threads   @throws HarnessError INTERNAL where there is no program for them */
  constructor(task: SearchTask, size: number) {
    const program = workerProgram('search-worker');
    if (program === null)
      throw new HarnessError({ code: 'INTERNAL', what: 'there is no program for search workers here' });
    const settings = { workerData: task, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } };
    this.#workers = Array.from({ length: size }, () => new Worker(program, settings));
    for (const worker of this.#workers) {
      worker.on('message', (done: UnitDone) => this.#results.push(done));
      worker.on('error', (cause) => this.#results.fail(cause));
      worker.on('exit', (code) =>
        this.#results.fail(new HarnessError({ code: 'INTERNAL', what: `a search worker ended with code ${code}` })),
      );
    }
  }

  /** Searches units on all workers; what is in hand when it is stopped is waited for. */
  readonly run: UnitRunner = (units, stopped) => this.#search(units, stopped);

  async *#search(units: readonly number[], stopped: () => boolean): AsyncGenerator<UnitDone> {
    const inHand = new Map<number, Worker>();
    let next = 0;
    const give = (worker: Worker): void => {
      const unit = units[next];
      if (unit === undefined || stopped()) return;
      next += 1;
      inHand.set(unit, worker);
      worker.postMessage(unit);
    };
    for (let round = 0; round < IN_HAND; round += 1) for (const worker of this.#workers) give(worker);
    while (inHand.size > 0) {
      const done = await this.#results.next();
      const worker = inHand.get(done.unit);
      inHand.delete(done.unit);
      yield done;
      if (worker !== undefined) give(worker);
    }
  }

  /** Ends the workers, whatever they are at. */
  async close(): Promise<void> {
    this.#results = new Results();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
