import { Command, CommanderError } from 'commander';
import { asHarnessError, EXIT_CODES, type HarnessError } from '../errors.ts';
import { outputError } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { packageVersion } from '../runner/package-root.ts';
import { COMMANDS } from './commands.ts';

const HELP = `
Examples:
  snp-conform run --hosts hosts.json --matrix matrix.json
  snp-conform run --replay fixtures/recordings/example-matrix.emulated.jsonl.gz
  snp-conform predict --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4
  snp-conform report verify report.bin --nonce "$NONCE" --measurement "$DIGEST"
  snp-conform firmware describe OVMF.amdsev.fd`;

const EXIT_CODE_HELP = `
Exit codes:
  ${EXIT_CODES.ok}  done, and nothing was wrong
  ${EXIT_CODES.failure}  what was tested is wrong, for example a digest differs
  ${EXIT_CODES.configuration}  the command line or a file given is wrong
  ${EXIT_CODES.infrastructure}  the lab, or this tool, failed, or the run was interrupted
`;

/** Commander ends the process on its own by default; here every command, however deep, throws instead. */
function prepare(command: Command): void {
  command
    .exitOverride()
    .showHelpAfterError('  hint: add --help to see the options')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'snp-conform: USAGE: ')),
    });
  for (const child of command.commands) prepare(child);
}

/** The name of the command that a command line leads to, or of which it asks for help; not always that of a command. */
function nameIn(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((word) => !word.startsWith('-'));
  return first === 'help' ? second : first;
}

/** The command that is asked for as it is; of the others no more than the help text shows. */
async function commandsFor(args: readonly string[]): Promise<Command[]> {
  const asked = nameIn(args);
  return Promise.all(
    COMMANDS.map(async ({ name, description, load }) =>
      (name === asked ? await load() : new Command(name)).description(description),
    ),
  );
}

async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('snp-conform')
    .description('Conformance test harness for AMD SEV-SNP guests under QEMU/KVM')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', HELP)
    .addHelpText('afterAll', EXIT_CODE_HELP);
  for (const command of await commandsFor(args)) program.addCommand(command);
  prepare(program);
  return program;
}

/** Prints an error on stderr, in one piece. @returns the exit code of its kind */
function report(thrown: unknown): number {
  const error = asHarnessError(thrown, {
    code: 'INTERNAL',
    hint: 'this is a defect of snp-conform; with SNP_CONFORM_DEBUG=1 it shows where',
  });
  process.stderr.write(`snp-conform: ${error.message}\n`);
  if (process.env.SNP_CONFORM_DEBUG) {
    for (let link: unknown = thrown; link instanceof Error; link = link.cause) process.stderr.write(`${link.stack}\n`);
  }
  return EXIT_CODES[error.kind];
}

function unwritable(cause: Error): HarnessError {
  return outputError(cause, {
    what: `cannot write to standard output: ${fileTrouble(cause)}`,
    hint: 'make room where it leads, or let it lead elsewhere; what is there is not whole',
  });
}

/** Says what becomes of a process that cannot write: once for each process. */
export function watchStreams(): void {
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    // A reader that has seen enough (`| head`) is no error, and the exit code stays the verdict of a run.
    if (cause.code !== 'EPIPE') process.exit(report(unwritable(cause)));
  });
  // There is nowhere left to say so. Without this Node ends with 1, which would say that what was tested is wrong.
  process.stderr.on('error', () => undefined);
}

/**
 * Runs one command line.
 * @param args without node and script   @returns the exit code: that of the error's kind, else what the command left in
 * process.exitCode, else 0
 */
export async function main(args: string[]): Promise<number> {
  try {
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return report(thrown);
    // Help and version that were asked for; help in place of a missing command has exit code 1 at commander.
    return thrown.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.configuration;
  }
  return typeof process.exitCode === 'number' ? process.exitCode : EXIT_CODES.ok;
}
