import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { HarnessError } from '../errors.ts';
import type { BlockSearch } from '../explain/block-search.ts';
import type { UnitDone, UnitRunner } from '../explain/search.ts';
import type { FromWorker, SearchTask, ToWorker } from './search-worker.ts';
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

  /** What has come, if anything has. */
  take(): UnitDone | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ready.shift();
  }

  async next(): Promise<UnitDone> {
    for (;;) {
      const done = this.take();
      if (done !== undefined) return done;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Worker threads that search parts of one search beside the thread that asks, which does not wait for them. */
export class SearchPool {
  readonly #workers: readonly Worker[];
  #results = new Results();
  #told = false;
  /** Those that have made their search: what is given to another waits for that, and may be what is looked for. */
  readonly #ready = new Set<Worker>();

  /** Starts threads, which load their program meanwhile. @param size how many   @throws HarnessError INTERNAL where there is none */
  constructor(size: number) {
    const program = workerProgram('search-worker');
    if (program === null)
      throw new HarnessError({ code: 'INTERNAL', what: 'there is no program for search workers here' });
    const settings = { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } };
    this.#workers = Array.from({ length: size }, () => new Worker(program, settings));
    for (const worker of this.#workers) {
      worker.on('message', (message: FromWorker) => {
        if (message !== 'ready') this.#results.push(message);
        else this.#ready.add(worker);
      });
      worker.on('error', (cause) => this.#results.fail(cause));
      worker.on('exit', (code) =>
        this.#results.fail(new HarnessError({ code: 'INTERNAL', what: `a search worker ended with code ${code}` })),
      );
    }
  }

  #post(worker: Worker, message: ToWorker): void {
    worker.postMessage(message);
  }

  /**
   * Searches units here and on all workers, in order. What workers have in hand when it is stopped is not waited for.
   * @param task what `search` was made of
   */
  runnerOf(search: BlockSearch, task: SearchTask): UnitRunner {
    return (units, stopped) => this.#search(search, task, units, stopped);
  }

  async *#search(
    search: BlockSearch,
    task: SearchTask,
    units: readonly number[],
    stopped: () => boolean,
  ): AsyncGenerator<UnitDone> {
    if (!this.#told) for (const worker of this.#workers) this.#post(worker, task);
    this.#told = true;
    const inHand = new Map<number, Worker>();
    const started = new Set<Worker>();
    let next = 0;
    const give = (worker: Worker): void => {
      const unit = units[next];
      if (unit === undefined) return;
      next += 1;
      inHand.set(unit, worker);
      this.#post(worker, unit);
    };
    const start = (): void => {
      for (const worker of this.#ready) {
        if (started.has(worker)) continue;
        started.add(worker);
        for (let hand = 0; hand < IN_HAND; hand += 1) give(worker);
      }
    };
    const taken = (done: UnitDone): UnitDone => {
      const worker = inHand.get(done.unit);
      inHand.delete(done.unit);
      if (worker !== undefined) give(worker);
      return done;
    };
    while (!stopped()) {
      start();
      const done = this.#results.take();
      if (done !== undefined) {
        yield taken(done);
        continue;
      }
      const unit = units[next];
      const one = unit === undefined ? undefined : search.units[unit];
      if (unit === undefined || one === undefined) break;
      next += 1;
      yield { unit, ...search.run(one) };
      await setImmediate();
    }
    while (inHand.size > 0 && !stopped()) yield taken(await this.#results.next());
  }

  /** Ends the workers, whatever they are at. */
  async close(): Promise<void> {
    this.#results = new Results();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
