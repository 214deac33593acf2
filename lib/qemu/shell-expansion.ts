import type { ArrayElements, VariableValue } from './shell-variables.ts';
import { type ArgvWord, argvInvalid, type UnknownPart } from './shell-word.ts';

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

/** A reference to a variable, or to an element of an array, and nothing more. */
const VARIABLE = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:\[([0-9]{1,5})\])?\})/;
/** A reference to all elements of an array: as words, or as one text. */
const ARRAY = /^\$\{([A-Za-z_]\w*)\[([@*])\]\}/;

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
  /** A variable with a value, elements of an array, or what only a shell can tell; `why` without the line. */
  stands: { value: string } | { elements: readonly ArgvWord[] } | UnknownPart;
}

/** The variables at a place of a script. */
export interface VariablesHere {
  valueOf(name: string, index?: number): VariableValue;
  elementsOf(name: string): ArrayElements;
}

const orUnknown = <T extends object>(found: T | { why: string }, reference: string): T | UnknownPart =>
  'why' in found ? { part: reference.slice(0, 60), why: found.why } : found;

/**
 * Reads what a shell would replace, and runs nothing.
 * @param at of `$`, a backquote or a character of patterns   @param variables those at this place
 * @throws HarnessError ARGV_INVALID where it does not end
 */
export function readExpansion(text: string, at: number, variables: VariablesHere): Expansion {
  const char = text[at] ?? '';
  const beginning = text.slice(at, at + NAME_MAX);
  const [reference, bare, braced, index] = (char === '$' && VARIABLE.exec(beginning)) || [];
  if (reference !== undefined) {
    const found = variables.valueOf(bare ?? braced ?? '', Number(index ?? 0));
    return { end: at + reference.length, stands: orUnknown(found, reference) };
  }
  const [all, name = '', how] = (char === '$' && ARRAY.exec(beginning)) || [];
  if (all !== undefined) {
    const found = variables.elementsOf(name);
    const asText = how === '*' && 'elements' in found && found.elements.every(({ unknown }) => unknown === null);
    const stands = asText ? { value: found.elements.map(({ text: one }) => one).join(' ') } : found;
    return { end: at + all.length, stands: orUnknown(stands, all) };
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
