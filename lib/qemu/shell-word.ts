import { HarnessError } from '../errors.ts';

/** A part of a word that only a shell could tell. */
export interface UnknownPart {
  /** As it stands: `$DISK`. */
  part: string;
  /** Where it stands and what it is: `line 3: a command substitution`. */
  why: string;
}

/** One word of a command line. */
export interface ArgvWord {
  text: string;
  /** The first part of it that only a shell could tell; null: the text is all there is. */
  unknown: UnknownPart | null;
}

/** A word as a shell reads it. */
export interface ShellWord extends ArgvWord {
  /** The variable that it sets where it stands in the place of an assignment: its name, `+=` or `=`, and the value; of an array its elements. */
  assigns: { name: string; appends: boolean; value: string; elements: readonly ArgvWord[] | null } | null;
}

/** What to do where a script does more than can be read off it. */
export const ALONE =
  'give the command line alone, without subshells and functions; or run the script and give /proc/PID/cmdline';

/** The error of a command line that cannot be read. @param at character, from 0 */
export function argvInvalid(what: string, at: number | null, hint?: string): HarnessError {
  const where = at === null ? undefined : `character ${at}`;
  return new HarnessError({ code: 'ARGV_INVALID', what, where, hint });
}

/** What stands before the `=` of an assignment. Source: POSIX, Shell Command Language, 2.9.1; `+=` is of bash. */
const ASSIGNED = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=$/;

/** What is known of the word at the cursor. */
export class WordInProgress {
  #parts: string[] = [];
  #started = false;
  /** Can no assignment begin any more? */
  #settled = false;
  #unknown: UnknownPart | null = null;
  #assigned: { name: string; appends: boolean; bytes: number } | null = null;

  get started(): boolean {
    return this.#started;
  }

  /** Does the word set a variable, if it stands where an assignment may? */
  get assigns(): boolean {
    return this.#assigned !== null;
  }

  /** Is this where a tilde stands for a home folder? */
  get atHome(): boolean {
    return !this.#started || (this.#assigned !== null && /[:=]/.test(this.#parts.at(-1) ?? ''));
  }

  /** Text that stands in quotes or was filled in. */
  add(text: string): void {
    this.#settled = true;
    this.#put(text);
  }

  /** A character that stands in the word as it is. */
  addPlain(char: string): void {
    this.#put(char);
    if (char !== '=' || this.#settled) return;
    // Only the first can be that of an assignment.
    this.#settled = true;
    const [whole, name, plus] = ASSIGNED.exec(this.#parts.join('')) ?? [];
    if (name !== undefined && whole !== undefined) {
      this.#assigned = { name, appends: plus === '+', bytes: whole.length };
    }
  }

  #put(text: string): void {
    this.#started = true;
    this.#parts.push(text);
  }

  markUnknown(unknown: UnknownPart): void {
    this.#unknown ??= unknown;
  }

  /** The finished word, and a fresh start; null where none was begun. */
  take(): ShellWord | null {
    if (!this.#started) return null;
    const text = this.#parts.join('');
    const assigned = this.#assigned;
    const assigns = assigned && { ...assigned, value: text.slice(assigned.bytes), elements: null };
    const word = { text, unknown: this.#unknown, assigns };
    this.#parts = [];
    this.#started = false;
    this.#settled = false;
    this.#unknown = null;
    this.#assigned = null;
    return word;
  }
}
