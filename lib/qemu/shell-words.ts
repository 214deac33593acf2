import { HarnessError } from '../errors.ts';

/** One word of a command line. */
export interface ArgvWord {
  text: string;
  /** The part of it that only a shell could tell, for example `$DISK`; null: the text is all there is. */
  unknown: string | null;
}

/** The most words of one command line. */
export const ARGV_WORDS_MAX = 65_536;

/** What a backslash keeps from its meaning inside double quotes. Source: POSIX, Shell Command Language, 2.2.3. */
const ESCAPABLE_IN_DOUBLE_QUOTES = '$`"\\\n';

/** Unquoted characters that a shell replaces by what it finds or makes of them. */
const EXPANDED = '$`*?[{~';

/** The error of a command line that cannot be read. @param at character, from 0 */
export function argvInvalid(what: string, at: number | null, hint?: string): HarnessError {
  const where = at === null ? undefined : `character ${at}`;
  return new HarnessError({ code: 'ARGV_INVALID', what, where, hint });
}

/** What is known of the word at the cursor. */
class WordInProgress {
  #parts: string[] = [];
  #started = false;
  #unknown: string | null = null;

  get started(): boolean {
    return this.#started;
  }

  add(text: string): void {
    this.#started = true;
    this.#parts.push(text);
  }

  markUnknown(part: string): void {
    this.#unknown ??= part;
  }

  /** The finished word, and a fresh start; null where none was begun. */
  take(): ArgvWord | null {
    if (!this.#started) return null;
    const word = { text: this.#parts.join(''), unknown: this.#unknown };
    this.#parts = [];
    this.#started = false;
    this.#unknown = null;
    return word;
  }
}

/** Where `$(...)`, `${...}` or a backquoted command ends. @throws HarnessError ARGV_INVALID */
function substitutionEnd(text: string, at: number): number {
  const open = text[at] === '`' ? '' : (text[at + 1] ?? '');
  const close = { '': '`', '(': ')', '{': '}' }[open];
  if (close === undefined) return at + 1;
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

/** Takes what a shell would replace into the word as it stands, and marks the word. @returns where to read on */
function readExpansion(text: string, at: number, word: WordInProgress): number {
  const char = text[at];
  const end = char === '$' || char === '`' ? substitutionEnd(text, at) : at + 1;
  const name =
    char === '$' && end === at + 1 ? /^\$(?:\w{1,60}|.)?/s.exec(text.slice(at, at + 64))?.[0] : text.slice(at, end);
  word.markUnknown((name ?? '').slice(0, 60));
  word.add(text.slice(at, end));
  return end;
}

/** `$` before a blank, a quote's end or nothing is a dollar sign. */
function dollarIsPlain(text: string, at: number): boolean {
  const next = text[at + 1];
  return next === undefined || !/[\w{(*@#?$!'"-]/.test(next);
}

/** Does an unquoted character make the word one that the shell replaces? */
function expands(text: string, at: number, wordStarted: boolean): boolean {
  const char = text[at] ?? '';
  if (!EXPANDED.includes(char)) return false;
  if (char === '$') return !dollarIsPlain(text, at);
  // A tilde counts at the start of a word only; after `:` or `=` in assignments, which no option of QEMU is.
  if (char === '~') return !wordStarted;
  return true;
}

function readSingleQuoted(text: string, open: number, word: WordInProgress): number {
  const close = text.indexOf("'", open + 1);
  if (close < 0) throw argvInvalid('a single quote is not closed', open, 'was the command line cut off?');
  word.add(text.slice(open + 1, close));
  return close + 1;
}

function readDoubleQuoted(text: string, open: number, word: WordInProgress): number {
  word.add('');
  let at = open + 1;
  for (let char = text[at]; char !== '"'; char = text[at]) {
    if (char === undefined) throw argvInvalid('a double quote is not closed', open, 'was the command line cut off?');
    const next = text[at + 1];
    if (char === '\\' && next !== undefined && ESCAPABLE_IN_DOUBLE_QUOTES.includes(next)) {
      if (next !== '\n') word.add(next);
      at += 2;
      continue;
    }
    if (char === '`' || (char === '$' && next !== '"' && next !== "'" && !dollarIsPlain(text, at))) {
      at = readExpansion(text, at, word);
      continue;
    }
    word.add(char);
    at += 1;
  }
  return at + 1;
}

/** The words of the commands of a shell text, without what redirects them. */
class Commands {
  readonly all: ArgvWord[][] = [[]];
  #words = 0;
  #dropNext = false;

  end(word: ArgvWord | null): void {
    if (word === null) return;
    if (this.#dropNext) {
      this.#dropNext = false;
      return;
    }
    this.#words += 1;
    if (this.#words > ARGV_WORDS_MAX) throw argvInvalid(`more than ${ARGV_WORDS_MAX} words`, null);
    this.all.at(-1)?.push(word);
  }

  /** The next word is where a redirection leads. */
  redirect(): void {
    this.#dropNext = true;
  }

  next(): void {
    this.#dropNext = false;
    if (this.all.at(-1)?.length !== 0) this.all.push([]);
  }
}

/** Handles `<` and `>`; a number right before one is a file descriptor. @returns where to read on */
function readRedirection(text: string, at: number, word: WordInProgress, commands: Commands): number {
  const before = word.take();
  if (before !== null && !/^[0-9]{1,4}$/.test(before.text)) commands.end(before);
  commands.redirect();
  const operator = /^(?:>>|>\||>&|<&|<>|[<>])/.exec(text.slice(at, at + 2))?.[0] ?? '';
  if (operator === '<' && text[at + 1] === '<') {
    throw argvInvalid('a here-document is not understood', at, 'give the command line alone');
  }
  return at + operator.length;
}

/**
 * Splits shell text into the words of its commands, and interprets nothing: of what a shell would replace the word says
 * that it is not known.
 * @returns one list of words for each command that has any
 * @throws HarnessError ARGV_INVALID: a quote that is not closed, a subshell, a here-document, too many words
 * Source: POSIX, Shell Command Language, 2.2 and 2.3.
 */
export function splitShell(text: string): ArgvWord[][] {
  const word = new WordInProgress();
  const commands = new Commands();
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === "'") at = readSingleQuoted(text, at, word);
    else if (char === '"') at = readDoubleQuoted(text, at, word);
    else if (char === '\\') {
      const next = text[at + 1];
      const newline = next === '\n' ? 2 : next === '\r' && text[at + 2] === '\n' ? 3 : 0;
      if (next !== undefined && newline === 0) word.add(next);
      at += newline || 2;
    } else if (char === ' ' || char === '\t' || char === '\r') {
      commands.end(word.take());
      at += 1;
    } else if ('\n;|&'.includes(char)) {
      commands.end(word.take());
      commands.next();
      at += 1;
    } else if (char === '<' || char === '>') at = readRedirection(text, at, word, commands);
    else if (char === '(' || char === ')') {
      throw argvInvalid(`an unquoted ${char} is not understood`, at, 'give the command line alone, without subshells');
    } else if (char === '#' && !word.started) {
      // No backslash carries a comment on.
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (expands(text, at, word.started)) at = readExpansion(text, at, word);
    else {
      word.add(char);
      at += 1;
    }
  }
  commands.end(word.take());
  return commands.all.filter((words) => words.length > 0);
}
