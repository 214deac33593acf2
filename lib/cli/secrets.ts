import { stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';

/** Where a passphrase is; it is never an argument, for arguments are seen by every user of the machine. */
export interface PassphraseReference {
  /** A file that holds it, and nothing else but a newline at its end. */
  file?: string | undefined;
  /** The environment variable that holds it. */
  variable?: string | undefined;
}

const PASSPHRASE_BYTES_MAX = 1024;

/** Adds the options that say where a passphrase is. @param prefix `id-key-`, or nothing   @param of whose, for the help */
export function addPassphraseOptions(command: Command, prefix: string, of: string): Command {
  return command
    .addOption(
      new Option(`--${prefix}passphrase-file <file>`, `file with the passphrase of ${of}`).conflicts(
        `${camelCase(prefix)}${prefix === '' ? 'p' : 'P'}assphraseEnv`,
      ),
    )
    .option(`--${prefix}passphrase-env <name>`, `environment variable with the passphrase of ${of}`)
    .addOption(
      new Option(`--${prefix}passphrase <text>`).hideHelp().argParser(() => {
        throw new HarnessError({
          code: 'USAGE',
          what: 'a passphrase is never taken from the command line, where every user of the machine sees it',
          where: `--${prefix}passphrase`,
          hint: `put it into a file for --${prefix}passphrase-file, or a variable for --${prefix}passphrase-env`,
        });
      }),
    );
}

function camelCase(prefix: string): string {
  return prefix.replace(/-$/, '').replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Reads a passphrase.
 * @returns its bytes; undefined where no place is named
 * @throws HarnessError KEY_PASSPHRASE for a variable that is not set and for an empty passphrase; FILE_UNREADABLE
 */
export async function readPassphrase(
  { file, variable }: PassphraseReference,
  env: NodeJS.ProcessEnv,
): Promise<Uint8Array | undefined> {
  if (file === undefined && variable === undefined) return undefined;
  const where = file ?? `environment variable ${variable}`;
  const refuse = (what: string): never => {
    throw new HarnessError({ code: 'KEY_PASSPHRASE', what, where });
  };
  if (file === undefined) {
    const value = env[variable ?? ''];
    if (value === undefined) return refuse('the environment variable of the passphrase is not set');
    return value === '' ? refuse('the passphrase is empty') : Buffer.from(value);
  }
  const bytes = await readInputFile({ path: file, what: 'file of the passphrase', maxBytes: PASSPHRASE_BYTES_MAX });
  // The newline with which editors and echo end a file is no part of it.
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\r?\n$/, '');
  return text === '' ? refuse('the passphrase is empty') : Buffer.from(text, 'latin1');
}

/** Warns on standard error of a secret file that others may read. */
export async function warnIfExposed(path: string, what: string): Promise<void> {
  const { mode } = await stat(path);
  const others = mode & 0o077;
  if (others === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  process.stderr.write(`warning: ${what} ${path} has mode ${shown}: other users may reach it\n  hint: chmod 600 it\n`);
}
