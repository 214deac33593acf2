import { ALONE, type ArgvWord, argvInvalid, type ShellWord } from './shell-word.ts';

/** What separates two commands: a line's end counts as `;`. */
export type Separator = ';' | '&' | '&&' | '|' | '||';

/** The value of a variable, or why only a shell could tell it. */
export type VariableValue = { value: string } | { why: string };

/** The elements of an array, or why only a shell could tell them. A variable is an array of one element. */
export type ArrayElements = { elements: readonly ArgvWord[] } | { why: string };

/** The most characters that variables are replaced by: as many as a command line may have. */
const FILLED_IN_MAX = 2 * 1024 * 1024;

/** Words that stand before a command and are none. Source: POSIX, Shell Command Language, 2.4. */
const KEYWORDS = new Set(['if', 'then', 'elif', 'else', 'while', 'until', 'do', '!', '{', 'time']);
/** What opens a part of a script that is perhaps not run, or run more than once, and what closes it. */
const OPENS = new Set(['if', 'for', 'while', 'until', 'select', '{']);
const CLOSES = new Set(['fi', 'done', '}']);
/** Commands that do nothing but set variables. */
const EXPORTS = new Set(['export', 'readonly', 'declare', 'typeset']);
/** Their options that change no value: an array, exported, not to be changed, of the whole script. */
const PLAIN_OPTIONS = /^-[axrg]+$/;
/** An element of an array that is set by its number: its array is no longer what it was. */
const ELEMENT = /^([A-Za-z_]\w*)\[.*\]\+?=/s;
/** Commands that may set any variable, or set one in their own way. */
const SETS_ANY = new Set('. source eval read getopts mapfile readarray let for select local'.split(' '));

const exports = (command: readonly ShellWord[]): boolean => EXPORTS.has(command[0]?.text ?? '');

/** The assignments that outlast their command: `A=1 B=2`, `export A=1`; those before a command do not. */
function assignmentsOf(command: readonly ShellWord[]): readonly ShellWord[] {
  if (exports(command)) return command.filter(({ assigns }) => assigns !== null);
  return command.every(({ assigns }) => assigns !== null) ? command : [];
}

function setsAny(command: readonly ShellWord[]): boolean {
  const [name, ...rest] = command.map(({ text }) => text);
  const changes = exports(command) && rest.some((text) => /^[-+]/.test(text) && !PLAIN_OPTIONS.test(text));
  const intoName = (name === 'printf' && rest[0] === '-v') || (name === 'wait' && rest.includes('-p'));
  return SETS_ANY.has(name ?? '') || intoName || changes;
}

/** The names that later assignments do not change as they say: those of a number, of one case, or not to be changed. */
function restrictedBy(command: readonly ShellWord[]): string[] {
  const [name, ...rest] = command.map(({ text }) => text);
  const restricts = name === 'readonly' || (exports(command) && rest.some((text) => /^-\w*[ilucr]/.test(text)));
  return restricts ? rest.flatMap((text) => /^[A-Za-z_]\w*/.exec(text)?.[0] ?? []) : [];
}

/** Does it make a name that stands for another? */
function makesReference(command: readonly ShellWord[]): boolean {
  return exports(command) && command.some(({ text }) => /^-\w*n/.test(text));
}

/** May an assignment stand after this word, if it may stand in its place? */
export function mayPrecedeAssignment({ text, assigns }: ShellWord): boolean {
  return assigns !== null || KEYWORDS.has(text) || EXPORTS.has(text) || PLAIN_OPTIONS.test(text);
}

/** A command without the keywords before it: `then A=1`. */
function withoutKeywords(words: readonly ShellWord[]): readonly ShellWord[] {
  const at = words.findIndex(({ text }) => !KEYWORDS.has(text));
  return at < 0 ? [] : words.slice(at);
}

/** Why a command on its own line does not do what it says in any case; null: it does. */
function doubtOf(before: Separator, after: Separator): string | null {
  if (before === '&&' || before === '||') return 'whether it is set depends on the command before';
  if (before === '|' || after === '|' || after === '&') return 'it is set in a process of its own';
  return null;
}

/** Where a command stands: what separates it from its neighbours, and the line of its end. */
export interface CommandPlace {
  before: Separator;
  after: Separator;
  line: number;
}

/**
 * The variables of a shell script as far as it sets them itself, on the way that it takes in any case. Nothing is run:
 * what a command, a condition, a loop or the environment decides is not known.
 */
export class ShellVariables {
  readonly #values = new Map<string, ArrayElements>();
  #openParts = 0;
  #filledIn = 0;
  readonly #restricted = new Set<string>();
  /** Is there a name that stands for another? Then an assignment may be to either. */
  #hasReferences = false;
  /** Was IFS set? What separates words of unquoted values is not known then. */
  splitsOtherwise = false;
  /** Why the value of a variable that is not among them is not known. */
  #ofOthers = 'it is not set before';

  /** The value of a variable here; of an array its first element. @throws HarnessError as `elementsOf` */
  valueOf(name: string, index = 0): VariableValue {
    const found = this.elementsOf(name);
    if ('why' in found) return found;
    const element = found.elements[index];
    if (element === undefined) return { value: '' };
    return element.unknown === null ? { value: element.text } : { why: element.unknown.why };
  }

  /** The elements of an array here. @throws HarnessError ARGV_INVALID where they stand for more than a command line has */
  elementsOf(name: string): ArrayElements {
    const found = this.#values.get(name) ?? { why: this.#ofOthers };
    if ('elements' in found) this.#filledIn += found.elements.reduce((sum, { text }) => sum + text.length + 1, 0);
    if (this.#filledIn <= FILLED_IN_MAX) return found;
    throw argvInvalid(`its variables stand for more than ${FILLED_IN_MAX} characters`, null);
  }

  /** Takes in what a command does to variables. @returns is that all it does?   @throws HarnessError ARGV_INVALID */
  ended(words: readonly ShellWord[], { before, after, line }: CommandPlace): boolean {
    const command = withoutKeywords(words);
    const leading = words.slice(0, words.length - command.length + 1);
    this.#openParts += leading.filter(({ text }) => OPENS.has(text)).length;
    const name = command[0]?.text ?? '';
    if (name === 'function') throw argvInvalid(`line ${line}: a function is not understood`, null, ALONE);
    if (CLOSES.has(name)) this.#openParts = Math.max(0, this.#openParts - 1);
    if (setsAny(command)) this.forgetAll(`\`${name}\` may have set it`);
    if (name === 'unset') {
      for (const { text } of command.slice(1))
        this.#values.set(text.replace(/\[.*$/s, ''), { why: 'it is unset before' });
    }
    for (const { text } of command) {
      const array = ELEMENT.exec(text)?.[1];
      if (array !== undefined) this.#values.set(array, { why: 'an element of it is set before' });
    }
    const assignments = assignmentsOf(command);
    const ofPlace = this.#openParts > 0 ? 'it is set under a condition or in a loop' : doubtOf(before, after);
    const doubt = ofPlace ?? (setsAny(command) ? `\`${name}\` may change what it is set to` : null);
    for (const word of assignments) this.#set(word, doubt);
    for (const restricted of restrictedBy(command)) this.#restricted.add(restricted);
    this.#hasReferences ||= makesReference(command);
    return assignments.length > 0 || exports(command);
  }

  #set({ assigns, unknown }: ShellWord, doubt: string | null): void {
    if (assigns === null) return;
    const { name } = assigns;
    if (name === 'IFS') this.splitsOtherwise = true;
    else if (this.#hasReferences) this.forgetAll('a name stands for another before');
    else if (this.#restricted.has(name)) this.#values.set(name, { why: 'what it may be set to is restricted before' });
    else if (doubt !== null) this.#values.set(name, { why: doubt });
    else if (unknown !== null) this.#values.set(name, { why: `it is set to ${unknown.part}, ${unknown.why}` });
    else this.#values.set(name, this.#assigned(assigns));
  }

  /** What an assignment gives: `+=` goes on from what there is, elements after elements, text after the text of the first. */
  #assigned({ name, appends, value, elements }: NonNullable<ShellWord['assigns']>): ArrayElements {
    const added = elements ?? [{ text: value, unknown: null }];
    if (!appends) return { elements: added };
    const old = this.elementsOf(name);
    if ('why' in old) return old;
    if (elements !== null) return { elements: [...old.elements, ...elements] };
    const [first = { text: '', unknown: null }, ...rest] = old.elements;
    return { elements: [{ ...first, text: first.text + value }, ...rest] };
  }

  /** Something that is not followed may have set any of them. @param why as it is told of each */
  forgetAll(why: string): void {
    this.#values.clear();
    this.#ofOthers = why;
  }
}
