import { hexNumber, lastLine, quoted } from '../lib/text.ts';
import { expect, test } from './support/test.ts';

test('text of 300 characters is quoted whole, longer text is cut and says so', () => {
  expect(quoted('x'.repeat(300))).toBe('x'.repeat(300));
  expect(quoted('x'.repeat(301))).toBe(`${'x'.repeat(300)}...`);
});

test('line ends, escapes, lone surrogates and direction marks become blanks', () => {
  expect(quoted('a\nb\u001bc\ud800d\u202ee\u2028f')).toBe('a b c d e f');
});

test('the last line is the last that is not blank', () => {
  expect(lastLine('first\nsecond\n \n\n')).toBe('second');
  expect(lastLine('')).toBe('');
  expect(lastLine(`early\n${'\n'.repeat(1_000_000)}`)).toBe('');
});

test('numbers are 0x hex', () => {
  expect(hexNumber(0)).toBe('0x0');
  expect(hexNumber(0x30000n)).toBe('0x30000');
});
