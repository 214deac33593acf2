import { main } from '../../lib/cli/main.ts';
import type { CliRun } from './cli.ts';

type Output = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;

/** Takes what a stream is given, as a stream that is no terminal; the runner itself prints by other ways meanwhile. */
function taken(stream: Output): () => string {
  const { write, isTTY } = stream;
  const chunks: Buffer[] = [];
  stream.isTTY = false;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    chunks.push(Buffer.from(chunk as Uint8Array));
    const written = rest.find((argument) => typeof argument === 'function');
    if (written !== undefined) process.nextTick(written as () => void);
    return true;
  };
  return () => {
    Object.assign(stream, { write, isTTY });
    return Buffer.concat(chunks).toString('utf8');
  };
}

/** Sets variables of the environment. @returns what sets them back */
function withVariables(variables: Readonly<Record<string, string>>): () => void {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  return () => {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  };
}

async function runNow(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliRun> {
  const { exitCode } = process;
  const listeners = new Set(process.stdout.listeners('error'));
  const restore = withVariables(env);
  const [stdout, stderr] = [taken(process.stdout), taken(process.stderr)];
  process.exitCode = undefined;
  // It throws nothing: what goes wrong in it is printed and has its exit code.
  const code = await main([...args]);
  process.exitCode = exitCode;
  restore();
  for (const listener of process.stdout.listeners('error')) {
    if (!listeners.has(listener)) process.stdout.removeListener('error', listener as () => void);
  }
  return { exitCode: code, stdout: stdout(), stderr: stderr() };
}

/** Streams, environment and exit code are those of the whole process: the runs of one file take turns. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line in this process: what it prints and its exit code are those of `runCli`, and it costs a tenth of a
 * process. For what a process is needed for, and once for each way of a command to end, there is `runCli`.
 * @param env added to the environment of the tests
 */
export function runHere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  const run = before.then(() => runNow(args, env));
  before = run.catch(() => undefined);
  return run;
}
