import { stripVTControlCharacters } from 'node:util';

/** Bidirectional overrides and invisible marks, which make text read as what it is not. */
const DIRECTION_MARKS = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Text of guests, QEMU or the runner made safe to show: no escapes, no control characters but tab and newline, no
 * direction marks, no lone surrogates, at most `maxLength` characters.
 */
export function plainText(text: string, maxLength = 64 * 1024): string {
  const bounded =
    text.length > maxLength ? `${text.slice(0, maxLength)}\n[${text.length - maxLength} more characters]` : text;
  return stripVTControlCharacters(bounded.replaceAll('\r\n', '\n'))
    .replace(CONTROL, '\ufffd')
    .replace(DIRECTION_MARKS, '\ufffd')
    .toWellFormed();
}
