import { HarnessError } from '../errors.ts';

/**
 * Linux gives one argument at most 128 KiB (MAX_ARG_STRLEN), and sshd hands the whole line to the login shell as one.
 */
const MAX_COMMAND_BYTES = 128 * 1024 - 1;

/**
 * One argument as a word that any POSIX shell gives back unchanged: single quotes, inside which nothing is special.
 * @throws HarnessError ARGUMENT_INVALID when it holds a NUL, which no process can be given, or half of a surrogate pair
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) {
    throw new HarnessError({
      code: 'ARGUMENT_INVALID',
      what: `an argument holds a NUL at character ${argument.indexOf('\0')}`,
      hint: 'no process can be given such an argument; look for it in the matrix and in hosts.json',
    });
  }
  if (/\p{Surrogate}/u.test(argument)) {
    throw new HarnessError({
      code: 'ARGUMENT_INVALID',
      what: `an argument is not Unicode text: ${JSON.stringify(argument)}`,
      hint: 'half of a surrogate pair has no UTF-8 and would arrive changed',
    });
  }
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** An argument as people would write it in a command that they are told to run: quoted only where it must be. */
export function shellWord(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : quoteArgument(argument);
}

/**
 * An argument array as one line for the login shell of a host; the only place where such a line is made.
 * @param argv at least the program
 * @throws HarnessError ARGUMENT_INVALID when it is empty, holds a NUL or is longer than Linux takes
 */
export function quoteCommand(argv: readonly string[]): string {
  if (argv.length === 0) throw new HarnessError({ code: 'ARGUMENT_INVALID', what: 'a command has no program' });
  const line = argv.map(quoteArgument).join(' ');
  const bytes = Buffer.byteLength(line);
  if (bytes > MAX_COMMAND_BYTES) {
    throw new HarnessError({
      code: 'ARGUMENT_INVALID',
      what: `a command line has ${bytes} bytes, at most ${MAX_COMMAND_BYTES} reach a host`,
      where: argv[0],
    });
  }
  return line;
}
