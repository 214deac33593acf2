import { ALONE, argvInvalid, type ShellWord } from './shell-word.ts';

/** What separates two commands: a line's end counts as `;`. */
export type Separator = ';' | '&' | '&&' | '|' | '||';

/** The value of a variable, or why only a shell could tell it. */
export type VariableValue = { value: string } | { why: string };

/** The most characters that variables are replaced by: as many as a command line may have. */
const FILLED_IN_MAX = 2 * 1024 * 1024;

/** Words that stand before a command and are none. Source: POSIX, Shell Command Language, 2.4. */
const KEYWORDS = new Set(['if', 'then', 'elif', 'else', 'while', 'until', 'do', '!', '{', 'time']);
/** What opens a part of a script that is perhaps not run, or run more than once, and what closes it. */
const OPENS = new Set(['if', 'for', 'while', 'until', 'select', '{']);
const CLOSES = new Set(['fi', 'done', '}']);
/** Commands that do nothing but set variables. */
const EXPORTS = new Set(['export', 'readonly']);
/** Commands that may set any variable, or set one in their own way. */
const SETS_ANY = new Set(
  '. source eval read getopts mapfile readarray let for select declare typeset local'.split(' '),
);

const exports = (command: readonly ShellWord[]): boolean => EXPORTS.has(command[0]?.text ?? '');

/** The assignments that outlast their command: `A=1 B=2`, `export A=1`; those before a command do not. */
function assignmentsOf(command: readonly ShellWord[]): readonly ShellWord[] {
  if (exports(command)) return command.filter(({ assigns }) => assigns !== null);
  return command.every(({ assigns }) => assigns !== null) ? command : [];
}

function setsAny(command: readonly ShellWord[]): boolean {
  const [name, first] = command.map(({ text }) => text);
  return SETS_ANY.has(name ?? '') || (name === 'printf' && first === '-v');
}

/** May an assignment stand after this word, if it may stand in its place? */
export function mayPrecedeAssignment({ text, assigns }: ShellWord): boolean {
  return assigns !== null || KEYWORDS.has(text) || EXPORTS.has(text);
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

/**
 * The variables of a shell script as far as it sets them itself, on the way that it takes in any case. Nothing is run:
 * what a command, a condition, a loop or the environment decides is not known.
 */
export class ShellVariables {
  readonly #values = new Map<string, VariableValue>();
  #openParts = 0;
  #filledIn = 0;
  /** Why the value of a variable that is not among them is not known. */
  #ofOthers = 'it is not set before';

  /** The value of a variable here. @throws HarnessError ARGV_INVALID where they stand for more than a command line has */
  valueOf(name: string): VariableValue {
    const found = this.#values.get(name) ?? { why: this.#ofOthers };
    if ('value' in found) this.#filledIn += found.value.length;
    if (this.#filledIn <= FILLED_IN_MAX) return found;
    throw argvInvalid(`its variables stand for more than ${FILLED_IN_MAX} characters`, null);
  }

  /** Takes in what a command does to variables. @returns is that all it does?   @throws HarnessError ARGV_INVALID */
  ended(words: readonly ShellWord[], before: Separator, after: Separator): boolean {
    const command = withoutKeywords(words);
    const leading = words.slice(0, words.length - command.length + 1);
    this.#openParts += leading.filter(({ text }) => OPENS.has(text)).length;
    const name = command[0]?.text ?? '';
    if (name === 'function') throw argvInvalid('a function is not understood', null, ALONE);
    if (CLOSES.has(name)) this.#openParts = Math.max(0, this.#openParts - 1);
    if (setsAny(command)) this.#forgetAll(`\`${name}\` may have set it`);
    if (name === 'unset')
      for (const { text } of command.slice(1)) this.#values.set(text, { why: 'it is unset before' });
    const assignments = assignmentsOf(command);
    const doubt = this.#openParts > 0 ? 'it is set under a condition or in a loop' : doubtOf(before, after);
    for (const word of assignments) this.#set(word, doubt);
    return assignments.length > 0 || exports(command);
  }

  #set({ assigns, unknown }: ShellWord, doubt: string | null): void {
    if (assigns === null) return;
    const { name, appends, value } = assigns;
    const old = appends ? this.valueOf(name) : { value: '' };
    if (name === 'IFS') this.#forgetAll('IFS is set before');
    else if (doubt !== null) this.#values.set(name, { why: doubt });
    else if (unknown !== null) this.#values.set(name, { why: `it is set to ${unknown.part}, ${unknown.why}` });
    else this.#values.set(name, 'why' in old ? old : { value: old.value + value });
  }

  #forgetAll(why: string): void {
    this.#values.clear();
    this.#ofOthers = why;
  }
}
