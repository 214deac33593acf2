import { HarnessError } from '../errors.ts';
import type { Pauses } from './try-cell.ts';

/** Real time and chance, until a test is over: then a pause ends, and none begins. */
export function pausesUntil(signal: AbortSignal): Pauses {
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
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort, { once: true });
      }),
  };
}
