import { stripVTControlCharacters } from 'node:util';

/** Bidirectional overrides and invisible marks, which make text read as what it is not; also what no XML may hold. */
const MARKS = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0000}-\u{e007f}]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Most texts are nothing but these, and there are millions of them in a large run. */
const HARMLESS = /^[\t\n\u0020-\u007e]*$/;

/**
 * Text of guests, QEMU or the runner made safe to show: no escapes, no control characters but tab and newline, no
 * direction marks, no lone surrogates; what is beyond `maxLength` characters is only counted.
 */
export function plainText(text: string, maxLength = 64 * 1024): string {
  if (text.length <= maxLength && HARMLESS.test(text)) return text;
  const bounded =
    text.length > maxLength ? `${text.slice(0, maxLength)}\n[${text.length - maxLength} more characters]` : text;
  return stripVTControlCharacters(bounded.replaceAll('\r\n', '\n'))
    .replace(CONTROL, '\ufffd')
    .toWellFormed()
    .replace(MARKS, '\ufffd');
}
