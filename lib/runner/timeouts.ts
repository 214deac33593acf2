import { limitsOf } from '../host/limits.ts';
import type { LoadedPlan } from './plan.ts';

/** What an attempt takes beside its waits: artifacts, the launch itself, gathering evidence. */
const ATTEMPT_SECONDS = 300;
const LEAST_SECONDS = 300;

/**
 * The longest that one cell can take when everything that may be waited for is: all attempts on its host and on one that
 * stands in for it. Each wait has its own limit; this one ends only what hangs in spite of them.
 */
export function cellTimeoutMs({ source }: LoadedPlan): number {
  if (source.kind === 'replay') return LEAST_SECONDS * 1000;
  const seconds = source.entries.map((entry) => {
    const { attempts, connectSeconds, guestSeconds, slotWaitSeconds, backoffSeconds } = limitsOf(entry);
    const pauses = backoffSeconds * 2 ** attempts;
    return attempts * (connectSeconds + guestSeconds + slotWaitSeconds + ATTEMPT_SECONDS) + pauses;
  });
  return Math.max(LEAST_SECONDS, 2 * Math.max(...seconds)) * 1000;
}
