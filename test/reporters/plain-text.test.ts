import assert from 'node:assert/strict';
import fc from 'fast-check';
import { plainText } from '../../lib/reporters/plain-text.ts';
import { expect, test } from '../support/test.ts';

/** What must not be in text that is shown, in words of Unicode: controls, formats, surrogates, separators, non-characters. */
const HOSTILE = /(?![\n\t\u00ad])[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\ufffe\uffff]|[\u{e0001}-\u{e007f}]|\p{Bidi_Control}/u;

const piece = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '\u001b[31m',
    '\u001b]0;title\u0007',
    '\u001b',
    '\u009b2J',
    '\u202e',
    '\u061c',
    '\u2066',
    '\ud800',
    '\udc00',
    '\r',
    '\r\n',
    '\u0000',
    '\uffff',
    '\u2028',
    ']]>',
  ),
);
const hostile = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''));

test('whatever comes in, nothing comes out that moves, hides or turns text around', () => {
  fc.assert(
    fc.property(hostile, fc.integer({ min: 0, max: 50 }), (text, maxLength) => {
      for (const plain of [plainText(text), plainText(text, maxLength)]) {
        // The runner's `expect` costs more than all that is tested here.
        assert.doesNotMatch(plain, HOSTILE);
        assert(plain.isWellFormed());
        assert.equal(plainText(plain), plain);
      }
    }),
    { numRuns: 1000 },
  );
});

test('text of people stays as it is', () => {
  for (const text of ['', 'boot\n\tok', 'Größe 3 µs, 日本語, 🚀', 'a]]>b<&"']) expect(plainText(text)).toBe(text);
});

test('what is removed leaves a trace, colours do not', () => {
  expect(plainText('a\u0000b\u202ec\rd')).toBe('a\ufffdb\ufffdc\ufffdd');
  expect(plainText('\u001b[31mred\u001b[0m\r\n')).toBe('red\n');
});

test('long text is cut, and what is left out counted', () => {
  expect(plainText('abcdef', 4)).toBe('abcd\n[2 more characters]');
  expect(plainText('abcdef', 6)).toBe('abcdef');
  expect(plainText('ab🚀', 3), 'a pair that is cut in two').toBe('ab\ufffd\n[1 more characters]');
});

test('a megabyte of escapes is cut before it is looked at', () => {
  const started = performance.now();
  plainText('\u001b]'.repeat(500_000));
  plainText(`\u001b]${';a'.repeat(500_000)}`);
  expect(performance.now() - started).toBeLessThan(2000);
});
