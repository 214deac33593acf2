import { argvInvalid } from './shell-word.ts';

const CUT_OFF = 'was the command line cut off?';

/** One character by a letter after a backslash. Source: Bash Reference Manual, 3.1.2.4 ANSI-C Quoting. */
const ANSI_LETTERS: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '?': '?',
};

/** Escapes with a number: of one byte, or of a character. Source: the same. */
const ANSI_NUMBERS: readonly { pattern: RegExp; radix: 8 | 16; of: 'byte' | 'character' }[] = [
  { pattern: /^([0-7]{1,3})/, radix: 8, of: 'byte' },
  { pattern: /^x([0-9a-fA-F]{1,2})/, radix: 16, of: 'byte' },
  { pattern: /^u([0-9a-fA-F]{1,4})/, radix: 16, of: 'character' },
  { pattern: /^U([0-9a-fA-F]{1,8})/, radix: 16, of: 'character' },
];

/** What a quoted part says, and where to read on. */
export interface Quoted {
  text: string;
  end: number;
}

/** `'...'`. @param open of the quote   @throws HarnessError ARGV_INVALID where it is not closed */
export function readSingleQuoted(text: string, open: number): Quoted {
  const close = text.indexOf("'", open + 1);
  if (close < 0) throw argvInvalid('a single quote is not closed', open, CUT_OFF);
  return { text: text.slice(open + 1, close), end: close + 1 };
}

/** The bytes that a backslash and what follows it stand for, and how much that is; null: a backslash stands for itself. */
function ansiEscape(text: string, at: number): { bytes: Buffer; length: number } | null {
  const letter = ANSI_LETTERS[text[at] ?? ''];
  if (letter !== undefined) return { bytes: Buffer.from(letter), length: 1 };
  if (text[at] === 'c')
    throw argvInvalid("a control character in $'...' is not understood", at - 1, 'write it as \\x..');
  const rest = text.slice(at, at + 9);
  for (const { pattern, radix, of } of ANSI_NUMBERS) {
    const [whole, digits] = pattern.exec(rest) ?? [];
    if (whole === undefined) continue;
    const number = Number.parseInt(digits ?? '', radix);
    if (number === 0 || number > 0x10ffff) throw argvInvalid(`\\${whole} is no character of a word`, at - 1);
    const bytes = of === 'byte' ? Buffer.of(number & 0xff) : Buffer.from(String.fromCodePoint(number));
    return { bytes, length: whole.length };
  }
  return null;
}

/**
 * `$'...'` of bash: text with escapes.
 * @param open of the quote   @throws HarnessError ARGV_INVALID where it is not closed, has a NUL or is not UTF-8
 */
export function readAnsiQuoted(text: string, open: number): Quoted {
  const parts: Buffer[] = [];
  let from = open + 1;
  let at = from;
  while (text[at] !== "'") {
    if (at >= text.length) throw argvInvalid("$' is not closed", open - 1, CUT_OFF);
    const escaped = text[at] === '\\' ? ansiEscape(text, at + 1) : null;
    if (escaped === null) {
      at += text[at] === '\\' ? 2 : 1;
      continue;
    }
    parts.push(Buffer.from(text.slice(from, at)), escaped.bytes);
    at += 1 + escaped.length;
    from = at;
  }
  parts.push(Buffer.from(text.slice(from, at)));
  const bytes = Buffer.concat(parts);
  const read = bytes.toString('utf8');
  if (!Buffer.from(read).equals(bytes)) throw argvInvalid("$'...' is not valid UTF-8", open - 1);
  return { text: read, end: at + 1 };
}
