import { parentPort, workerData } from 'node:worker_threads';
import { BlockSearch } from '../explain/block-search.ts';
import type { KnownLaunch } from '../explain/launch-state.ts';
import type { UnitDone } from '../explain/search.ts';

/** What a worker is started with; the search that it makes of it is that of the thread that started it. */
export interface SearchTask {
  readonly known: KnownLaunch;
  readonly target: Uint8Array;
}

/** Answers numbers of units with what they hold, until it is ended. */
function serve(port: NonNullable<typeof parentPort>, { known, target }: SearchTask): void {
  const search = new BlockSearch(known).aim(target);
  port.on('message', (unit: number) => {
    const one = search.units[unit];
    const done: UnitDone = one === undefined ? { unit, tried: 0, hits: [] } : { unit, ...search.run(one) };
    port.postMessage(done);
  });
}

if (parentPort !== null) serve(parentPort, workerData as SearchTask);
