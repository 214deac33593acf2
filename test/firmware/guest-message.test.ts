import { openMessage, sealMessage } from '../../lib/firmware/guest-message.ts';
import { expect, test } from '../support/test.ts';

const KEY = new Uint8Array(32).fill(0x11);
const MESSAGE = { sequence: 7n, type: 5, version: 1, vmpck: 2, payload: new Uint8Array(96).fill(0x42) };
/** Bytes that the tag does not cover: its own upper half, and what is reserved before the authenticated part. */
const UNCOVERED = (at: number): boolean => (at >= 0x10 && at < 0x20) || (at >= 0x28 && at < 0x30);

test('a sealed message opens to what it was, and hides its payload', () => {
  const sealed = sealMessage(MESSAGE, KEY);
  const opened = openMessage(sealed, KEY);
  expect(opened).toMatchObject({ sequence: 7n, type: 5, version: 1, vmpck: 2 });
  expect(Buffer.from(opened?.payload ?? [])).toEqual(Buffer.from(MESSAGE.payload));
  expect(Buffer.from(sealed).includes(Buffer.alloc(16, 0x42))).toBe(false);
});

test('another key opens nothing', () => {
  expect(openMessage(sealMessage(MESSAGE, KEY), new Uint8Array(32).fill(0x12))).toBeUndefined();
});

test('a message with any authenticated bit flipped does not open', () => {
  const sealed = sealMessage(MESSAGE, KEY);
  const opened = [...sealed.keys()].filter((at) => {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
    return openMessage(changed, KEY) !== undefined;
  });
  expect(opened.filter((at) => !UNCOVERED(at))).toEqual([]);
});

test('a message cut at any length does not open', () => {
  const sealed = sealMessage(MESSAGE, KEY);
  for (let length = 0; length < sealed.length; length++) {
    expect(openMessage(sealed.subarray(0, length), KEY), `${length} bytes`).toBeUndefined();
  }
});

test('the same message under another sequence number is another ciphertext', () => {
  const [one, two] = [7n, 8n].map((sequence) => sealMessage({ ...MESSAGE, sequence }, KEY).subarray(0x60));
  expect(one).not.toEqual(two);
});
