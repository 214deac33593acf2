import type { Duplex } from 'node:stream';
import { HarnessError } from '../errors.ts';
import type { Session } from './session.ts';

/** Each look is a round trip: the longer it was in vain, the longer is the pause, a twentieth of the wait so far. */
const PAUSE = { leastMs: 15, mostMs: 250, ofWait: 0.05 };

/**
 * Connects to a Unix socket on the host as soon as a program listens there.
 * @param over resolves when that program has ended   @returns undefined when it ended before it listened
 * @throws HarnessError HOST_TIMEOUT, SSH_*, or what `over` rejects with
 */
export async function connectWhenThere(
  session: Session,
  path: string,
  over: Promise<unknown>,
  timeoutMs: number,
): Promise<Duplex | undefined> {
  const started = performance.now();
  const ended = over.then(() => 'ended' as const);
  // It is only looked at between two tries; where a try fails for the same reason, nobody looks.
  ended.catch(() => undefined);
  for (;;) {
    try {
      return await session.connectUnix(path);
    } catch (thrown) {
      // Not there yet and gone again look alike; a lost connection does not.
      if (!(thrown instanceof HarnessError) || thrown.code !== 'HOST_COMMAND') throw thrown;
      if (performance.now() - started > timeoutMs) {
        throw new HarnessError({
          code: 'HOST_TIMEOUT',
          what: `waited ${timeoutMs} ms for a program to listen on ${path}`,
          where: `host ${session.name}`,
          cause: thrown,
        });
      }
    }
    const pauseMs = Math.min(PAUSE.mostMs, Math.max(PAUSE.leastMs, (performance.now() - started) * PAUSE.ofWait));
    const pause = new Promise<'paused'>((resolve) => setTimeout(() => resolve('paused'), pauseMs));
    if ((await Promise.race([ended, pause])) === 'ended') return undefined;
  }
}
