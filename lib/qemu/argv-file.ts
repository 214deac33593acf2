import { ALONE, type ArgvWord, argvInvalid } from './shell-word.ts';
import { ARGV_WORDS_MAX, splitShell } from './shell-words.ts';

/** The most bytes of a command line. Source: Linux, fs/exec.c, a quarter of the usual stack of 8 MiB. */
export const ARGV_BYTES_MAX = 2 * 1024 * 1024;

/** A command line of QEMU, taken apart into words. */
export interface Argv {
  /** How it was written. */
  form: 'shell' | 'nul' | 'json';
  /** The program; null where the words begin with an option. */
  binary: string | null;
  words: readonly ArgvWord[];
}

const EMPTY = 'the command line is empty';
const EMPTY_HINT =
  'expected a script, /proc/PID/cmdline, a JSON array or a libvirt domain; what came before a pipe may have failed';

const known = (text: string): ArgvWord => ({ text, unknown: null });

/** An assignment to the environment, as it may stand before a command. Source: POSIX, 2.9.1. */
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** Is this the program's name: `/usr/bin/qemu-system-x86_64`, `qemu-kvm`, `kvm`? */
function namesQemu({ text }: ArgvWord): boolean {
  const name = text.slice(text.lastIndexOf('/') + 1);
  return name === 'kvm' || /^\.?qemu-(?:system-|kvm)/.test(name);
}

/** Programs that give another one words that are not on their own command line. */
const ADDS_WORDS = /(?:^|\/)(?:xargs|parallel)$/;

/** Where the options begin in a list whose program may have wrappers and assignments before it. */
function withoutProgram(form: Argv['form'], words: readonly ArgvWord[]): Argv {
  let at = words.findIndex(namesQemu);
  if (at < 0) at = form === 'shell' ? words.findIndex(({ text }) => !ASSIGNMENT.test(text)) : 0;
  const adds = words.slice(0, Math.max(0, at)).find(({ text }) => ADDS_WORDS.test(text));
  if (adds !== undefined) throw argvInvalid(`${adds.text} gives QEMU words that are not here`, null, ALONE);
  const program = words[at];
  if (program === undefined || program.text.startsWith('-'))
    return { form, binary: null, words: words.slice(Math.max(0, at)) };
  return { form, binary: program.text, words: words.slice(at + 1) };
}

/** Is this an option of every launch that is worth predicting? */
const isLaunchOption = ({ text }: ArgvWord): boolean => /^--?(?:machine|M|object|bios|kernel|cpu|smp)$/.test(text);

/** The commands of a script that may be the launch: those that name QEMU, else those with its options, else all. */
function launchesOf(commands: readonly ArgvWord[][]): readonly ArgvWord[][] {
  const signs = [namesQemu, isLaunchOption].map((sign) => commands.filter((words) => words.some(sign)));
  return signs.find((found) => found.length > 0) ?? commands;
}

function fromShell(text: string): Argv {
  const candidates = launchesOf(splitShell(text));
  const [words, second] = candidates;
  if (words === undefined) throw argvInvalid(EMPTY, null, EMPTY_HINT);
  if (second !== undefined) {
    throw argvInvalid(
      `${candidates.length} commands, expected one`,
      null,
      'give one QEMU command line; a line that goes on ends with a backslash',
    );
  }
  return withoutProgram('shell', words);
}

function fromJson(text: string): Argv {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw argvInvalid(
      `not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      null,
      'a file that begins with [ or { must be a JSON array of strings',
    );
  }
  if (!Array.isArray(value)) {
    throw argvInvalid(
      'expected a JSON array of strings, got an object',
      null,
      'give the words of the command line: ["qemu-system-x86_64", "-bios", ...]',
    );
  }
  const words = value.map((word: unknown, index) => {
    if (typeof word === 'string') return word;
    throw argvInvalid(
      `expected strings in the JSON array, item ${index} is ${word === null ? 'null' : typeof word}`,
      null,
    );
  });
  return withoutProgram('json', checked(words));
}

/** Bounds of a list that no shell wrote. */
function checked(words: readonly string[]): ArgvWord[] {
  if (words.every((word) => word === '')) throw argvInvalid(EMPTY, null, EMPTY_HINT);
  if (words.length > ARGV_WORDS_MAX) throw argvInvalid(`more than ${ARGV_WORDS_MAX} words`, null);
  const withNul = words.findIndex((word) => word.includes('\0'));
  if (withNul >= 0) throw argvInvalid(`word ${withNul} has a NUL in it`, null, 'no program can be given such a word');
  return words.map(known);
}

/** Characters that no command line has, but files of other kinds. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
const NO_TEXT = /[\x01-\x08\x0e-\x1a\x1c-\x1f]/;

function checkIsText(text: string): void {
  const at = text.search(NO_TEXT);
  if (at >= 0) throw argvInvalid('this is no text, so no command line', at, EMPTY_HINT);
}

/**
 * Reads a QEMU command line: NUL-separated as /proc/PID/cmdline has it, a JSON array of strings, or one shell command
 * with assignments and wrappers such as `sudo` before it.
 * @param bytes the whole file   @throws HarnessError ARGV_INVALID
 */
export function readArgv(bytes: Uint8Array): Argv {
  if (bytes.length > ARGV_BYTES_MAX) {
    throw argvInvalid(`expected at most ${ARGV_BYTES_MAX} bytes, got ${bytes.length}`, null);
  }
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\ufeff/, '');
  checkIsText(text);
  if (text.includes('\0')) {
    const words = (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
    return withoutProgram('nul', checked(words));
  }
  // A shell would open a group of commands with a brace and a blank, never with a brace and a quote.
  return /^\s*(?:\[|\{\s*["}])/.test(text) ? fromJson(text) : fromShell(text);
}
