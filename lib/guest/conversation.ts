import type { Duplex } from 'node:stream';
import { encodeFrame, type Frame, FrameDecoder, parseReady, type Ready } from './protocol.ts';

/** What a guest answered to one nonce. */
export interface GuestAnswer {
  /** ATTESTATION_REPORT, raw. */
  report: Uint8Array | null;
  /** The certificate table that came with it; empty where the host gave none, null where the guest did not say. */
  certificates: Uint8Array | null;
  /** Why there is no report, in the guest's own words. */
  error: string | null;
}

/** What a guest said; filled while it speaks, so that what came before a break is kept. */
export interface GuestWords {
  /** Did it announce itself? */
  ready: boolean;
  /** What it said of itself; null where that could not be read. */
  about: Ready | null;
  /** What its kernel said of SEV, SNP and CPUID. */
  dmesg: string | null;
  /** One for each nonce, in their order. */
  answers: GuestAnswer[];
}

const MAX_ERROR_CHARACTERS = 2000;

/** Words of a guest that has said nothing yet. */
export function noWords(): GuestWords {
  return { ready: false, about: null, dmesg: null, answers: [] };
}

function aboutOf(payload: Uint8Array): Ready | null {
  try {
    return parseReady(payload);
  } catch {
    return null; // That it is there counts; what it says of itself is for people.
  }
}

const text = (payload: Uint8Array): string => Buffer.from(payload).toString('utf8');

/** The harness's side of a conversation, apart from its line. */
class Questions {
  readonly #nonces: readonly Uint8Array[];
  readonly #words: GuestWords;
  #asked = 0;

  constructor(nonces: readonly Uint8Array[], words: GuestWords) {
    this.#nonces = nonces;
    this.#words = words;
    words.answers = nonces.map(() => ({ report: null, certificates: null, error: null }));
  }

  /** The next nonce, after the last one the word that there is none; then nothing more. */
  next(): Frame | undefined {
    const sequence = this.#asked;
    if (sequence > this.#nonces.length) return undefined;
    this.#asked += 1;
    const nonce = this.#nonces[sequence];
    return nonce === undefined
      ? { type: 'end', sequence, payload: new Uint8Array() }
      : { type: 'nonce', sequence, payload: nonce };
  }

  /** Keeps a part of an answer. @returns is it the end of the answer to the last question? */
  take({ type, sequence, payload }: Frame): boolean {
    const answer = sequence < this.#asked ? this.#words.answers[sequence] : undefined;
    if (answer === undefined) return false;
    if (type === 'certs') answer.certificates = payload;
    if (type === 'report') answer.report = payload;
    if (type === 'error') answer.error = text(payload).slice(0, MAX_ERROR_CHARACTERS);
    return (type === 'report' || type === 'error') && sequence === this.#asked - 1;
  }
}

/**
 * Talks to the agent of a guest: waits for its announcement, asks for a report over each nonce, until the guest says that
 * it is off, its serial line ends, or the signal aborts. A damaged frame costs an answer, not the conversation.
 * @param nonces 64 bytes each   @param words filled as the guest speaks
 */
export function converse(
  line: Duplex,
  nonces: readonly Uint8Array[],
  signal: AbortSignal,
  words: GuestWords,
): Promise<void> {
  const decoder = new FrameDecoder();
  const questions = new Questions(nonces, words);
  return new Promise((resolve) => {
    const end = (): void => {
      line.off('data', take);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const ask = (): void => {
      const question = questions.next();
      if (question !== undefined) line.write(encodeFrame(question));
    };
    const hear = (frame: Frame): void => {
      if (frame.type === 'ready' && !words.ready) {
        words.ready = true;
        words.about = aboutOf(frame.payload);
        ask();
      }
      if (frame.type === 'dmesg') words.dmesg = text(frame.payload);
      if (questions.take(frame)) ask();
      if (frame.type === 'off') end();
    };
    const take = (bytes: Uint8Array): void => {
      for (const found of decoder.push(bytes)) {
        if (found.kind === 'frame') hear(found.frame);
        else if (words.ready) ask();
      }
    };
    line.on('data', take);
    for (const event of ['end', 'close', 'error'] as const) line.once(event, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
