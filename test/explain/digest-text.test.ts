import { readDigest } from '../../lib/explain/digest-text.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const BYTES = Uint8Array.from({ length: 48 }, (_, index) => 255 - index);
const HEX = Buffer.from(BYTES).toString('hex');

test('a digest is read as people and tools write it', () => {
  const spaced = HEX.match(/../g)?.join(':') ?? '';
  const written = [HEX, HEX.toUpperCase(), `0x${HEX}`, spaced, ` ${HEX}\n`, Buffer.from(BYTES).toString('base64')];
  const ofHexDigits = Buffer.from(HEX).toString('base64');
  for (const text of [...written, ofHexDigits, `${Buffer.from(HEX).toString('base64url')}`]) {
    expect(readDigest(text, '--observed').bytes, text).toEqual(BYTES);
  }
  expect(readDigest(HEX, '--observed').writtenAs).toBeNull();
  expect(readDigest(ofHexDigits, '--observed').writtenAs).toBe('base64 of its hex digits');
});

test('what is no digest is refused', () => {
  for (const text of ['', 'zz', HEX.slice(2), `${HEX}00`, HEX.slice(0, 40), 'a'.repeat(4096)]) {
    expect(harnessErrorOf(() => readDigest(text, '--observed')).code, text).toBe('HEX_INVALID');
  }
});

test('a digest of an SEV guest is one of 32 bytes', () => {
  expect(readDigest(HEX.slice(0, 64), '--observed').bytes.length).toBe(32);
});
