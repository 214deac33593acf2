import { dollarIsPlain, isReplaced, readExpansion } from './shell-expansion.ts';
import { type Quoted, readAnsiQuoted, readSingleQuoted } from './shell-quotes.ts';
import { mayPrecedeAssignment, type Separator, ShellVariables } from './shell-variables.ts';
import { ALONE, type ArgvWord, argvInvalid, type ShellWord, type UnknownPart, WordInProgress } from './shell-word.ts';

/** The most words of one command line. */
export const ARGV_WORDS_MAX = 65_536;

/** What a backslash keeps from its meaning inside double quotes. Source: POSIX, Shell Command Language, 2.2.3. */
const ESCAPABLE_IN_DOUBLE_QUOTES = '$`"\\\n';

/** Quotes around all elements of an array and nothing else. */
const ARRAY_ALONE = /^"\$\{[A-Za-z_]\w*\[@\]\}"/;

/** An arithmetic expansion that sets a variable: `$((n=4))`, `$((n++))`, `$((n+=1))`. Source: POSIX, 2.6.4. */
const SETS_IN_ARITHMETIC = /^\$\(\(.*(?:(?<![=!<>])=(?!=)|<<=|>>=|\+\+|--)/s;

/** What a shell would still look for file names by, in what it filled in without quotes. */
const PATTERN = /[*?[]/;

/** The words of the commands of a shell text, without what redirects them, and without commands that set variables alone. */
class Commands {
  readonly all: ArgvWord[][] = [];
  readonly variables = new ShellVariables();
  #command: ShellWord[] = [];
  #words = 0;
  #dropNext = false;
  #before: Separator = ';';
  #takesAssignment = true;
  /** The array that is read now: the word before its parenthesis, and its elements so far. */
  #array: { word: ShellWord; elements: ArgvWord[] } | null = null;

  end(word: ShellWord | null): void {
    if (word === null) return;
    if (this.#dropNext) {
      this.#dropNext = false;
      return;
    }
    this.#words += 1;
    if (this.#words > ARGV_WORDS_MAX) throw argvInvalid(`more than ${ARGV_WORDS_MAX} words`, null);
    if (this.#array !== null) {
      this.#array.elements.push({ text: word.text, unknown: word.unknown });
      return;
    }
    this.#command.push(word);
    this.#takesAssignment &&= mayPrecedeAssignment(word);
  }

  /** Is an array read now? */
  get inArray(): boolean {
    return this.#array !== null;
  }

  /** The next words are the elements of an array. @param word `name=` or `name+=` */
  beginArray(word: ShellWord): void {
    this.#array = { word, elements: [] };
  }

  endArray(): void {
    const { word, elements } = this.#array ?? {};
    this.#array = null;
    if (word?.assigns) this.end({ ...word, assigns: { ...word.assigns, elements: elements ?? [] } });
  }

  /** Has the command no words yet? */
  get isEmpty(): boolean {
    return this.#command.length === 0;
  }

  /** The next word is where a redirection leads. */
  redirect(): void {
    this.#dropNext = true;
  }

  /** @param line of the end of the command */
  next(after: Separator, line: number): void {
    this.#dropNext = false;
    if (this.#command.length === 0) return;
    if (!this.variables.ended(this.#command, { before: this.#before, after, line })) this.all.push(this.#command);
    this.#command = [];
    this.#takesAssignment = true;
    this.#before = after;
  }

  /** Does the word that is read now set a variable, if it looks like that? */
  get takesAssignment(): boolean {
    return this.#takesAssignment && !this.#dropNext && this.#array === null;
  }
}

/** Which line a character is on, for characters that are asked for in ascending order. */
class Lines {
  readonly #text: string;
  #line = 1;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  of(at: number): number {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#at);
      if (end < 0 || end >= at) return this.#line;
      this.#at = end + 1;
      this.#line += 1;
    }
  }
}

/** One reading of a shell text. */
class Reading {
  readonly commands = new Commands();
  readonly #text: string;
  readonly #lines: Lines;
  readonly #word = new WordInProgress();

  constructor(text: string) {
    this.#text = text;
    this.#lines = new Lines(text);
  }

  endWord(): void {
    this.commands.end(this.#word.take());
  }

  #quoted({ text, end }: Quoted): number {
    this.#word.add(text);
    return end;
  }

  /** @returns where to read on, as all that read a part of the text */
  #doubleQuoted(open: number): number {
    const text = this.#text;
    // An array without elements is no word where nothing else stands in the quotes.
    if (!ARRAY_ALONE.test(text.slice(open, open + 260))) this.#word.add('');
    let at = open + 1;
    for (let char = text[at]; char !== '"'; char = text[at]) {
      if (char === undefined) throw argvInvalid('a double quote is not closed', open, 'was the command line cut off?');
      const next = text[at + 1];
      if (char === '\\' && next !== undefined && ESCAPABLE_IN_DOUBLE_QUOTES.includes(next)) {
        if (next !== '\n') this.#word.add(next);
        at += 2;
      } else if (char === '`' || (char === '$' && !dollarIsPlain(text, at))) {
        at = this.#expansion(at, 'quoted');
      } else {
        this.#word.add(char);
        at += 1;
      }
    }
    return at + 1;
  }

  /** Takes the value of a variable into the word, or what a shell would replace as it stands, and marks the word. */
  #expansion(at: number, where: 'quoted' | 'bare'): number {
    const { end, stands } = readExpansion(this.#text, at, this.commands.variables);
    if (SETS_IN_ARITHMETIC.test(this.#text.slice(at, end)))
      this.commands.variables.forgetAll('an arithmetic expansion may have set it');
    const fill = (value: string): void => (where === 'quoted' ? this.#word.add(value) : this.#fillUnquoted(value, at));
    if ('value' in stands) fill(stands.value);
    else if ('elements' in stands) this.#elements(stands.elements, fill);
    else {
      this.#word.add(this.#text.slice(at, end));
      this.#markUnknown(stands, at);
    }
    return end;
  }

  /** Each element is a word; what stands before the first and after the last belongs to these. */
  #elements(elements: readonly ArgvWord[], fill: (value: string) => void): void {
    const assigned = this.#word.assigns && this.commands.takesAssignment;
    for (const [index, { text, unknown }] of elements.entries()) {
      if (index > 0 && assigned) this.#word.add(' ');
      else if (index > 0) this.endWord();
      fill(text);
      if (unknown !== null) this.#word.markUnknown(unknown);
    }
  }

  #markUnknown({ part, why }: UnknownPart, at: number): void {
    this.#word.markUnknown({ part, why: `line ${this.#lines.of(at)}: ${why}` });
  }

  /** A value that stands without quotes: its blanks part words, but not in an assignment. Source: POSIX, 2.6.5 and 2.9.1. */
  #fillUnquoted(value: string, at: number): void {
    if (this.#word.assigns && this.commands.takesAssignment) {
      this.#word.add(value);
      return;
    }
    if (this.commands.variables.splitsOtherwise && /[^\w./=-]/.test(value)) {
      this.#word.add(value);
      this.#markUnknown({ part: value.slice(0, 60), why: 'IFS is set before, which says where it is parted' }, at);
      return;
    }
    for (const [index, field] of value.split(/[ \t\n]+/).entries()) {
      if (index > 0) this.endWord();
      if (field !== '') this.#word.add(field);
      if (PATTERN.test(field)) this.#markUnknown({ part: field.slice(0, 60), why: 'a pattern of file names' }, at);
    }
  }

  #backslash(at: number): number {
    const next = this.#text[at + 1];
    if (next === '\n') return at + 2;
    if (next === '\r' && this.#text[at + 2] === '\n') return at + 3;
    if (next !== undefined) this.#word.add(next);
    return at + 2;
  }

  /** Handles `<` and `>`; a number right before one is a file descriptor. */
  #redirection(at: number): number {
    const before = this.#word.take();
    if (before !== null && !/^[0-9]{1,4}$/.test(before.text)) this.commands.end(before);
    this.commands.redirect();
    const operator = /^(?:>>|>\||>&|<&|<>|[<>])/.exec(this.#text.slice(at, at + 2))?.[0] ?? '';
    if (operator === '<' && this.#text[at + 1] === '<') {
      throw argvInvalid(`line ${this.#lines.of(at)}: a here-document is not understood`, at, ALONE);
    }
    return at + operator.length;
  }

  #separator(at: number): number {
    const operator = /^(?:&&|\|\||[;&|\n])/.exec(this.#text.slice(at, at + 2))?.[0] ?? '';
    this.endWord();
    const line = this.#lines.of(at);
    if (!this.commands.inArray) this.commands.next(operator === '\n' ? ';' : (operator as Separator), line);
    else if (operator !== '\n') throw argvInvalid(`line ${line}: ${operator} in an array is not understood`, at, ALONE);
    return at + operator.length;
  }

  /** Handles `(` and `)`: those of an array are understood, all others not. */
  #parenthesis(at: number): number {
    const closes = this.#text[at] === ')';
    if (closes && this.commands.inArray) {
      this.endWord();
      this.commands.endArray();
      return at + 1;
    }
    const before = this.#word.take();
    if (!closes && before?.assigns && before.assigns.value === '' && this.commands.takesAssignment) {
      this.commands.beginArray(before);
      return at + 1;
    }
    const subshell = this.commands.isEmpty && before === null;
    const construct =
      closes || this.commands.inArray
        ? `an unquoted ${this.#text[at]}`
        : before !== null && this.#text[at + 1] === ')'
          ? `the function ${before.text.slice(0, 60)}`
          : subshell
            ? 'a subshell'
            : 'an unquoted (';
    throw argvInvalid(`line ${this.#lines.of(at)}: ${construct} is not understood`, at, ALONE);
  }

  /** Ends the text. */
  end(): void {
    this.endWord();
    const line = this.#lines.of(this.#text.length);
    if (this.commands.inArray)
      throw argvInvalid(`line ${line}: an array is not closed`, null, 'was the script cut off?');
    this.commands.next(';', line);
  }

  /** Reads what stands at a place. */
  step(at: number): number {
    const [char = '', next] = [this.#text[at], this.#text[at + 1]];
    if (char === "'") return this.#quoted(readSingleQuoted(this.#text, at));
    if (char === '"') return this.#doubleQuoted(at);
    if (char === '$' && next === "'") return this.#quoted(readAnsiQuoted(this.#text, at + 1));
    // A text that bash looks up in the language of the user; in the language of scripts it is itself.
    if (char === '$' && next === '"') return this.#doubleQuoted(at + 1);
    if (char === '\\') return this.#backslash(at);
    if (char === '<' || char === '>') return this.#redirection(at);
    if (';|&\n'.includes(char)) return this.#separator(at);
    if (' \t\r'.includes(char)) {
      this.endWord();
      return at + 1;
    }
    if (char === '(' || char === ')') return this.#parenthesis(at);
    if (char === '#' && !this.#word.started) {
      // No backslash carries a comment on.
      const end = this.#text.indexOf('\n', at);
      return end < 0 ? this.#text.length : end;
    }
    if (isReplaced(this.#text, at, this.#word.atHome)) return this.#expansion(at, 'bare');
    this.#word.addPlain(char);
    return at + 1;
  }
}

/**
 * Splits shell text into the words of its commands, and runs nothing: variables that the text itself sets before are filled
 * in, of what else a shell would replace the word says that it is not known.
 * @returns one list of words for each command that does more than set variables
 * @throws HarnessError ARGV_INVALID: a quote that is not closed, a subshell, a here-document, too many words
 * Source: POSIX, Shell Command Language, 2.2, 2.3 and 2.6.
 */
export function splitShell(text: string): ArgvWord[][] {
  const reading = new Reading(text);
  for (let at = 0; at < text.length; ) at = reading.step(at);
  reading.end();
  return reading.commands.all;
}
