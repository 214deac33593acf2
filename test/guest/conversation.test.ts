import { Duplex } from 'node:stream';
import { converse, type GuestWords, noWords } from '../../lib/guest/conversation.ts';
import { encodeFrame, type Frame, FrameDecoder, type FrameType } from '../../lib/guest/protocol.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';

const NONCES = [new Uint8Array(64).fill(0xa5), new Uint8Array(64).fill(0x5a)];
const REPORT = new Uint8Array(1184).fill(0x42);
const TABLE = new Uint8Array(32_768).fill(0x17);
const NOTHING = new Uint8Array();
const frame = (type: FrameType, sequence: number, payload: Uint8Array = NOTHING): string =>
  encodeFrame({ type, sequence, payload });
const READY = frame('ready', 0, Buffer.from('{"agent":"1","kernel":"6.12.0"}'));
const OFF = frame('off', 2);
const report = (sequence = 0, payload = REPORT): string => frame('report', sequence, payload);

/** A guest's serial line and the harness's side of it, talking. */
class Talk {
  readonly words: GuestWords = noWords();
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
    this.done = converse(this.line, NONCES, this.#abort.signal, this.words).then(() => {
      this.over = true;
    });
  }

  say(...texts: readonly string[]): void {
    for (const text of texts) this.line.push(text);
  }

  abort(): void {
    this.#abort.abort();
  }

  /** Waits until so many questions were asked. */
  async asked(count: number): Promise<Frame[]> {
    await until(`question ${count}`, () => this.heard.length >= count);
    return this.heard;
  }

  /** Waits until everything said was heard and the conversation is over. */
  async ending(): Promise<GuestWords> {
    await until('the end of the conversation', () => this.over);
    expect(this.line.listenerCount('data'), 'nobody listens any more').toBe(0);
    return this.words;
  }
}

test('a guest that announces itself is asked once for each nonce, then told that there is none', async () => {
  const talk = new Talk();
  talk.say('kernel: booting\r\n', READY, frame('dmesg', 1, Buffer.from('SEV: Status: SEV SEV-ES SEV-SNP\n')));
  await talk.asked(1);
  talk.say(frame('certs', 0, TABLE), report());
  await talk.asked(2);
  talk.say(
    frame('certs', 1),
    report(
      1,
      REPORT.map((byte) => byte + 1),
    ),
  );
  const heard = await talk.asked(3);
  expect(heard).toEqual([
    { type: 'nonce', sequence: 0, payload: NONCES[0] },
    { type: 'nonce', sequence: 1, payload: NONCES[1] },
    { type: 'end', sequence: 2, payload: NOTHING },
  ]);
  talk.say(OFF);
  expect(await talk.ending()).toEqual({
    ready: true,
    about: { agent: '1', kernel: '6.12.0' },
    dmesg: 'SEV: Status: SEV SEV-ES SEV-SNP\n',
    answers: [
      { report: REPORT, certificates: TABLE, error: null },
      { report: REPORT.map((byte) => byte + 1), certificates: NOTHING, error: null },
    ],
  });
});

test('a question is asked once, however often the guest announces itself', async () => {
  const talk = new Talk();
  talk.say(READY, READY, READY, OFF);
  await talk.ending();
  expect(talk.heard.map(({ type }) => type)).toEqual(['nonce']);
});

test('a guest that has not announced itself is asked nothing, and what it answers is not taken', async () => {
  const talk = new Talk();
  talk.say('@snp1 ready 0 2 e30= 0000000000000000\n', report(), OFF);
  expect((await talk.ending()).answers[0]?.report).toBeNull();
  expect(talk.words.ready).toBe(false);
  expect(talk.heard).toEqual([]);
});

test('what a guest says of itself may be anything: that it is there counts', async () => {
  const talk = new Talk();
  talk.say(frame('ready', 0, Buffer.from('[["')), OFF);
  expect(await talk.ending()).toMatchObject({ ready: true, about: null });
});

test('why there is no report is kept in the guest’s words, a bounded number of them, and the next nonce is asked', async () => {
  const talk = new Talk();
  talk.say(READY, frame('error', 0, Buffer.from('x'.repeat(4096))));
  await talk.asked(2);
  talk.say(report(1), OFF);
  const { answers } = await talk.ending();
  expect(answers).toMatchObject([
    { report: null, error: 'x'.repeat(2000) },
    { report: REPORT, error: null },
  ]);
});

test('a damaged report is no report, and costs no more than that', async () => {
  const talk = new Talk();
  talk.say(READY, report().replace('QkJC', 'QkJD'));
  await talk.asked(2);
  talk.say(report(1), OFF);
  const { answers } = await talk.ending();
  expect(answers).toMatchObject([{ report: null }, { report: REPORT }]);
});

test('an answer belongs to the nonce that it names, also when it comes after the next was asked', async () => {
  const talk = new Talk();
  talk.say(READY, frame('certs', 0, TABLE).replace('FxcX', 'FxcY'));
  await talk.asked(2);
  talk.say(
    report(0),
    report(
      1,
      REPORT.map(() => 1),
    ),
    OFF,
  );
  const { answers } = await talk.ending();
  expect(answers).toMatchObject([{ report: REPORT, certificates: null }, { report: REPORT.map(() => 1) }]);
});

test('an answer to what was never asked is not taken', async () => {
  const talk = new Talk();
  talk.say(READY, report(1), report(7), OFF);
  const { answers } = await talk.ending();
  expect(answers).toMatchObject([{ report: null }, { report: null }]);
});

test('damage without end is not answered without end', async () => {
  const talk = new Talk();
  talk.say(READY, ...Array.from({ length: 50 }, () => '@snp1 rubbish\n'), OFF);
  await talk.ending();
  expect(talk.heard.map(({ type }) => type)).toEqual(['nonce', 'nonce', 'end']);
});

test('what is said after “off” is not heard', async () => {
  const talk = new Talk();
  talk.say(READY, OFF);
  await talk.ending();
  talk.say(report());
  await new Promise(setImmediate);
  expect(talk.words.answers[0]?.report).toBeNull();
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
    await until('the report', () => talk.words.answers[0]?.report !== null);
    end(talk);
    expect(await talk.ending()).toMatchObject({ ready: true, answers: [{ report: REPORT }, { report: null }] });
  }
});

test('a conversation that is aborted before it begins ends at once', async () => {
  const talk = new Talk(true);
  expect(await talk.ending()).toMatchObject({ ready: false, answers: [{ report: null }, { report: null }] });
});
