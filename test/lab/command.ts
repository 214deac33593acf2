import { execa } from 'execa';
import { HarnessError } from '../../lib/errors.ts';

export interface CommandOptions {
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
}

const TIMEOUT_MS = 15 * 60_000;

/**
 * Runs a program of this machine and gives back its standard output.
 * @throws HarnessError HOST_COMMAND with the end of its standard error
 */
export async function command(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<string> {
  const [file, ...args] = argv;
  const done = await execa(file, args, {
    stdin: 'ignore',
    reject: false,
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (!done.failed) return done.stdout;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `\`${argv.join(' ')}\` ${done.exitCode === undefined ? 'did not end well' : `exited ${done.exitCode}`}: ${lastLines(done.stderr)}`,
    where: 'this machine',
    cause: done.exitCode === undefined ? done.cause : undefined,
  });
}

/** Whether a program is there and ends with status 0. */
export async function succeeds(argv: readonly [string, ...string[]]): Promise<boolean> {
  const [file, ...args] = argv;
  const done = await execa(file, args, { stdin: 'ignore', reject: false, timeout: 30_000 });
  return !done.failed;
}

function lastLines(text: string): string {
  const lines = text.trim().split('\n').slice(-8);
  return lines.join('\n') || '(nothing on standard error)';
}
