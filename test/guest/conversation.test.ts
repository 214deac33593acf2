import { Duplex } from 'node:stream';
import { converse, type GuestWords } from '../../lib/guest/conversation.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../../lib/guest/protocol.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';

const NONCE = new Uint8Array(64).fill(0xa5);
const REPORT = new Uint8Array(1184).fill(0x42);
const READY = encodeFrame({ type: 'ready', sequence: 0, payload: Buffer.from('{"agent":"1"}') });
const OFF = encodeFrame({ type: 'off', sequence: 2, payload: new Uint8Array() });
const report = (payload = REPORT): string => encodeFrame({ type: 'report', sequence: 1, payload });

/** A guest's serial line and the harness's side of it, talking. */
class Talk {
  readonly words: GuestWords = { ready: false, report: null, error: null };
  readonly heard: Frame[] = [];
  readonly #abort = new AbortController();
  readonly #decoder = new FrameDecoder();
  readonly line: Duplex;
  readonly done: Promise<void>;
  over = false;

  constructor(aborted = false) {
    this.line = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, written) => {
        for (const found of this.#decoder.push(chunk)) if (found.kind === 'frame') this.heard.push(found.frame);
        written();
      },
    });
    if (aborted) this.#abort.abort();
    this.done = converse(this.line, NONCE, this.#abort.signal, this.words).then(() => {
      this.over = true;
    });
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.line.push(text);
  }

  abort(): void {
    this.#abort.abort();
  }

  /** Waits until everything said was heard and the conversation is over. */
  async ending(): Promise<GuestWords> {
    await until('the end of the conversation', () => this.over);
    expect(this.line.listenerCount('data'), 'nobody listens any more').toBe(0);
    return this.words;
  }
}

test('a guest that announces itself gets the nonce, and its report is taken', async () => {
  const talk = new Talk();
  talk.say('kernel: booting\r\n', READY);
  await until('the nonce', () => talk.heard.length === 1);
  expect(talk.heard[0]).toMatchObject({ type: 'nonce' });
  expect(Buffer.from(talk.heard[0]?.payload ?? [])).toEqual(Buffer.from(NONCE));
  talk.say(report(), OFF);
  expect(await talk.ending()).toMatchObject({ ready: true, report: REPORT, error: null });
});

test('the nonce is sent once, however often the guest announces itself', async () => {
  const talk = new Talk();
  talk.say(READY, READY, READY, OFF);
  await talk.ending();
  expect(talk.heard.map((frame) => frame.type)).toEqual(['nonce']);
});

test('a guest that has not announced itself gets no nonce', async () => {
  const talk = new Talk();
  talk.say('@snp1 ready 0 2 e30= 0000000000000000\n', OFF);
  expect(await talk.ending()).toEqual({ ready: false, report: null, error: null });
  expect(talk.heard).toEqual([]);
});

test('why there is no report is kept in the guest’s words, a bounded number of them', async () => {
  const talk = new Talk();
  talk.say(READY, encodeFrame({ type: 'error', sequence: 1, payload: Buffer.from('x'.repeat(4096)) }), OFF);
  const { report: none, error } = await talk.ending();
  expect(none).toBeNull();
  expect(error).toBe('x'.repeat(2000));
});

test('a damaged report is no report', async () => {
  const talk = new Talk();
  talk.say(READY, report().replace('QkJC', 'QkJD'), OFF);
  expect(await talk.ending()).toEqual({ ready: true, report: null, error: null });
});

test('what is said after “off” is not heard', async () => {
  const talk = new Talk();
  talk.say(READY, OFF);
  await talk.ending();
  talk.say(report());
  await new Promise(setImmediate);
  expect(talk.words.report).toBeNull();
});

test('what came before a break is kept', async () => {
  const ends: readonly ((talk: Talk) => void)[] = [
    (talk) => talk.abort(),
    (talk) => void talk.line.push(null),
    (talk) => void talk.line.destroy(),
    (talk) => void talk.line.destroy(new Error('ECONNRESET')),
  ];
  for (const end of ends) {
    const talk = new Talk();
    talk.say(READY, report());
    await until('the report', () => talk.words.report !== null);
    end(talk);
    expect(await talk.ending()).toMatchObject({ ready: true, report: REPORT });
  }
});

test('a conversation that is aborted before it begins ends at once', async () => {
  const talk = new Talk(true);
  expect(await talk.ending()).toEqual({ ready: false, report: null, error: null });
});
