import type { Duplex } from 'node:stream';
import { encodeFrame, FrameDecoder } from './protocol.ts';

/** What a guest said; filled while it speaks, so that what came before a break is kept. */
export interface GuestWords {
  /** Did it announce itself? */
  ready: boolean;
  /** Its report, raw. */
  report: Uint8Array | null;
  /** Why it has none, in its own words. */
  error: string | null;
}

const MAX_ERROR_CHARACTERS = 2000;

/**
 * Talks to the agent of a guest: waits for its announcement, sends the nonce, takes the report, until it says that it is
 * off, its serial line ends, or the signal aborts.
 * @param nonce 64 bytes   @param words filled as the guest speaks
 */
export function converse(line: Duplex, nonce: Uint8Array, signal: AbortSignal, words: GuestWords): Promise<void> {
  const decoder = new FrameDecoder();
  return new Promise((resolve) => {
    const end = (): void => {
      line.off('data', take);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const take = (bytes: Uint8Array): void => {
      for (const found of decoder.push(bytes)) {
        if (found.kind !== 'frame') continue; // Damaged: nothing is asked for twice; a missing report is judged.
        const { frame } = found;
        if (frame.type === 'ready' && !words.ready) {
          words.ready = true;
          line.write(encodeFrame({ type: 'nonce', sequence: 0, payload: nonce }));
        }
        if (frame.type === 'report') words.report = frame.payload;
        if (frame.type === 'error')
          words.error = Buffer.from(frame.payload).toString('utf8').slice(0, MAX_ERROR_CHARACTERS);
        if (frame.type === 'off') end();
      }
    };
    line.on('data', take);
    for (const event of ['end', 'close', 'error'] as const) line.once(event, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
