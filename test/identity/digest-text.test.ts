import fc from 'fast-check';
import { likeness, readDigestOfAnyGuest, readKeyDigest, readLaunchDigest } from '../../lib/identity/digest-text.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const digest = Uint8Array.from({ length: 48 }, (_, index) => (index * 37 + 11) & 0xff);
const hex = Buffer.from(digest).toString('hex');
const base64 = Buffer.from(digest).toString('base64');
const base64OfHex = Buffer.from(hex).toString('base64');

const FORMS: readonly (readonly [what: string, text: string, form: string])[] = [
  ['hex', hex, 'hex'],
  ['upper-case hex', hex.toUpperCase(), 'hex'],
  ['0x hex', `0x${hex}`, '0x hex'],
  ['0X hex', `0X${hex.toUpperCase()}`, '0x hex'],
  ['hex with colons', hex.replaceAll(/(..)(?=.)/g, '$1:'), 'hex'],
  ['hex in lines of 16 bytes', hex.replaceAll(/(.{32})/g, '$1\n'), 'hex'],
  ['base64', base64, 'base64'],
  ['base64 with a newline', `${base64}\n`, 'base64'],
  ['base64url', base64.replaceAll('+', '-').replaceAll('/', '_'), 'base64'],
  ['the base64 of hex', base64OfHex, 'base64 of hex'],
  ['the base64 of upper-case hex', Buffer.from(hex.toUpperCase()).toString('base64'), 'base64 of hex'],
  ['the base64 of hex and a newline', Buffer.from(`${hex}\n`).toString('base64'), 'base64 of hex'],
  ['the base64 of 0x hex', Buffer.from(`0x${hex}`).toString('base64'), 'base64 of hex'],
  ['the base64 of hex, wrapped at 76', base64OfHex.replaceAll(/(.{76})/g, '$1\n'), 'base64 of hex'],
];

for (const [what, text, form] of FORMS) {
  test(`reads ${what}`, () => {
    const read = readLaunchDigest(text, '--digest');
    expect(read.digest).toEqual(digest);
    expect(read.form).toBe(form);
  });
}

test('names the base64 of hex as what it is, and says which tool writes it', () => {
  expect(readLaunchDigest(base64OfHex, '--digest').remark).toMatch(/base64 of the hex digits.*snpguest/);
  expect(readLaunchDigest(base64, '--digest').remark).toBeNull();
});

test('reads any digest in every form', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), (bytes) => {
      const text = Buffer.from(bytes).toString('hex');
      const forms = [text, `0x${text}`, Buffer.from(bytes).toString('base64'), Buffer.from(text).toString('base64')];
      for (const form of forms) expect(readLaunchDigest(form, '--digest').digest).toEqual(bytes);
    }),
  );
});

const WRONG: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['a SHA-256 in hex', 'ab'.repeat(32), /got 32 \(read as hex\)[\s\S]*a SHA-256: .*SEV or SEV-ES/],
  ['a SHA-256 in base64', Buffer.alloc(32, 7).toString('base64'), /got 32 \(read as base64\)[\s\S]*a SHA-256/],
  ['a SHA-512', 'ab'.repeat(64), /got 64[\s\S]*a SHA-512/],
  ['an ID block in base64', Buffer.alloc(96, 0xee).toString('base64'), /got 96 \(read as base64\)[\s\S]*an ID block/],
  ['an ID block in hex', 'ee'.repeat(96), /got 96 \(read as hex\)[\s\S]*an ID block/],
  ['a report in base64', Buffer.alloc(1184, 0xee).toString('base64'), /got 1184[\s\S]*an attestation report/],
  ['hex that lacks a byte', hex.slice(2), /got 47 \(read as hex\)[\s\S]*cut off/],
  ['hex that lacks a digit', hex.slice(1), /neither hex nor base64: 95 hex digits, an odd number/],
  ['three hex digits', 'abc', /neither hex nor base64: 3 hex digits, an odd number/],
  ['something else', 'not a digest!', /neither hex nor base64/],
  ['nothing', '', /neither hex nor base64/],
];

for (const [what, text, message] of WRONG) {
  test(`refuses ${what}, and says what it is`, () => {
    const error = harnessErrorOf(() => readLaunchDigest(text, '--digest'));
    expect(error.code).toBe('DIGEST_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(600);
  });
}

test('an endless text is refused, and not quoted at length', () => {
  const error = harnessErrorOf(() => readLaunchDigest('a'.repeat(10_000_000), '--digest'));
  expect(error.message.length).toBeLessThan(600);
});

test('says how a digest came to differ, where it can be told', () => {
  const swap = (wordBytes: number): Uint8Array =>
    Uint8Array.from(digest, (_, at) => {
      const word = Math.floor(at / wordBytes) * wordBytes;
      return digest[word + wordBytes - 1 - (at - word)] ?? 0;
    });
  const flipped = digest.slice();
  flipped[47] = (flipped[47] ?? 0) ^ 1;
  expect(likeness(digest, digest.slice())).toBeNull();
  expect(likeness(digest, digest.slice().reverse())).toBe('its bytes are the other way around');
  expect(likeness(digest, swap(4))).toBe('the bytes of each 32-bit word are the other way around');
  expect(likeness(digest, swap(8))).toBe('the bytes of each 64-bit word are the other way around');
  expect(likeness(digest, new Uint8Array(48))).toBe('it is all zero');
  expect(likeness(digest, flipped)).toBe('1 bit differs: damaged, not measured');
  expect(likeness(digest, new Uint8Array(48).fill(0x5a))).toBeNull();
});

test('a key digest is read in the same forms, and named as one', () => {
  for (const [, text] of FORMS) expect(readKeyDigest(text, '--id-key-digest').digest).toEqual(digest);
  expect(harnessErrorOf(() => readKeyDigest('abcd', '--id-key-digest')).what).toContain('expected a key digest of 48');
});

test('where digests of any guest are asked for, one of 32 bytes is read too', () => {
  const { digest: read, form } = readDigestOfAnyGuest(hex.slice(0, 64), '--observed');
  expect(read).toEqual(digest.slice(0, 32));
  expect(form).toBe('hex');
  for (const [, text] of FORMS) expect(readDigestOfAnyGuest(text, '--observed').digest).toEqual(digest);
  for (const text of ['', 'zz', hex.slice(2), `${hex}00`, hex.slice(0, 40)]) {
    expect(
      errorCodeOf(() => readDigestOfAnyGuest(text, '--observed')),
      text,
    ).toBe('DIGEST_INVALID');
  }
});
