import { parentPort } from 'node:worker_threads';
import { BlockSearch } from '../explain/block-search.ts';
import type { KnownLaunch } from '../explain/launch-state.ts';
import type { UnitDone } from '../explain/search.ts';

/** What a worker is told first; the search that it makes of it is that of the thread that started it. */
export interface SearchTask {
  readonly known: KnownLaunch;
  readonly target: Uint8Array;
}

/** What a worker is sent: the task, then numbers of units. */
export type ToWorker = SearchTask | number;

/** What a worker sends: that it has made its search, then what came of each unit. */
export type FromWorker = 'ready' | UnitDone;

/** Answers numbers of units with what they hold, until it is ended. */
function serve(port: NonNullable<typeof parentPort>): void {
  let search: BlockSearch | undefined;
  const say = (message: FromWorker): void => port.postMessage(message);
  port.on('message', (message: ToWorker) => {
    if (typeof message !== 'number') {
      search = new BlockSearch(message.known).aim(message.target);
      say('ready');
      return;
    }
    const one = search?.units[message];
    const empty: UnitDone = { unit: message, tried: 0, hits: [] };
    say(search === undefined || one === undefined ? empty : { unit: message, ...search.run(one) });
  });
}

if (parentPort !== null) serve(parentPort);
