import type { VariableValue } from './shell-variables.ts';
import { argvInvalid, type UnknownPart } from './shell-word.ts';

/** Unquoted characters, `$` apart, that a shell replaces by what it finds or makes of them; what each is, for people. */
const REPLACED: Readonly<Record<string, string>> = {
  '`': 'a command substitution',
  '*': 'a pattern of file names',
  '?': 'a pattern of file names',
  '[': 'a pattern of file names',
  '{': 'braces that a shell takes apart',
  '~': 'a home folder',
};

/** What a dollar sign begins, by what stands after it; the first that fits. */
const AFTER_DOLLAR: readonly (readonly [RegExp, string])[] = [
  [/^\$\(\(/, 'arithmetic'],
  [/^\$\(/, 'a command substitution'],
  [/^\$\{[A-Za-z_]\w*[^\w}]/, 'a substitution that depends on whether the variable is set, or changes it'],
  [/^\$\{/, 'a parameter of the script'],
  [/^\$[\d*@#?$!-]/, 'a parameter of the script'],
];

/** A reference to a variable and nothing more. */
const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/;

/** No name of a variable is longer, so that looking for one takes its time once. */
const NAME_MAX = 256;

/** Where `$(...)`, `${...}`, a backquoted command, `$1` or a character ends. @throws HarnessError ARGV_INVALID */
function expansionEnd(text: string, at: number): number {
  const dollar = text[at] === '$';
  if (!dollar && text[at] !== '`') return at + 1;
  const open = dollar ? (text[at + 1] ?? '') : '';
  const close = { '': '`', '(': ')', '{': '}' }[open];
  if (close === undefined) return at + 2;
  let depth = 0;
  for (let end = at + 1; end < text.length; end += 1) {
    const char = text[end];
    if (char === '\\') end += 1;
    else if (char === close) {
      depth -= 1;
      if (depth <= 0) return end + 1;
    } else if (char === open) depth += 1;
  }
  throw argvInvalid(`${text.slice(at, at + 2)} is not closed`, at, 'was the command line cut off?');
}

/** What stands where a shell would replace something: how far it goes, and what it would be replaced by. */
export interface Expansion {
  end: number;
  /** A variable with a value, or what only a shell can tell; `why` without the line. */
  stands: { value: string } | UnknownPart;
}

/**
 * Reads what a shell would replace, and runs nothing.
 * @param at of `$`, a backquote or a character of patterns   @param variable the variables at this place
 * @throws HarnessError ARGV_INVALID where it does not end
 */
export function readExpansion(text: string, at: number, variable: (name: string) => VariableValue): Expansion {
  const char = text[at] ?? '';
  const beginning = text.slice(at, at + NAME_MAX);
  const [reference, bare, braced] = (char === '$' && VARIABLE.exec(beginning)) || [];
  if (reference !== undefined) {
    const found = variable(bare ?? braced ?? '');
    const end = at + reference.length;
    return { end, stands: 'value' in found ? found : { part: reference.slice(0, 60), why: found.why } };
  }
  const end = expansionEnd(text, at);
  const what = AFTER_DOLLAR.find(([pattern]) => pattern.test(beginning))?.[1] ?? REPLACED[char];
  return { end, stands: { part: text.slice(at, Math.min(end, at + 60)), why: what ?? 'replaced by a shell' } };
}

/** `$` before a blank, a quote's end or nothing is a dollar sign. */
export function dollarIsPlain(text: string, at: number): boolean {
  const next = text[at + 1];
  return next === undefined || !/[\w{(*@#?$!-]/.test(next);
}

/** Does a shell replace an unquoted character? @param atHome is this where a tilde stands for a home folder? */
export function isReplaced(text: string, at: number, atHome: boolean): boolean {
  const char = text[at] ?? '';
  if (char === '$') return !dollarIsPlain(text, at);
  return char in REPLACED && (char !== '~' || atHome);
}
