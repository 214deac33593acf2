import { isAbsolute, normalize } from 'node:path';
import { HarnessError } from '../errors.ts';
import type { HostProcess, Session } from './session.ts';
import { SUPERVISOR_SCRIPT } from './supervisor-script.ts';

/** A command that runs on a host for a while and must not outlive its controller. */
export interface SupervisedOptions {
  /** Absolute, on the host; must not exist. Made with mode 0700, the command's working directory, removed at the end. */
  directory: string;
  argv: readonly string[];
  /** Added to the environment that the host gives. */
  environment: Readonly<Record<string, string>>;
  /** The command is killed after this long, whatever happens. Whole seconds. */
  maxSeconds: number;
  /** The command is killed when the controller was silent for this long. Whole seconds, at least 1. */
  heartbeatSeconds: number;
  /** Bound of each of the files `stdout` and `stderr` in the directory; more is read and dropped. Default 1 MiB. */
  maxOutputBytes?: number;
}

/** A running command under supervision. */
export interface Supervised {
  /** Of the command, and of its process group, on the host. */
  readonly pid: number;
  /**
   * Resolves when the command has ended and its output files are complete; 128 + number for a signal. Rejects with
   * HOST_TIMEOUT when it was over its run time, with SSH_LOST or HOST_COMMAND when its supervisor went first.
   */
  readonly ended: Promise<{ exitCode: number }>;
  /** Kills the command's process group and waits for `ended`, however it ends. The directory stays. */
  kill(): Promise<void>;
  /** Kills what still runs and removes the directory; again, or after the connection went, it does nothing. */
  release(): Promise<void>;
}

const START_MS = 30_000;
const KILL_MS = 30_000;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The argument array that supervises a command on a host; see SUPERVISOR_SCRIPT for what it says and obeys.
 * @throws HarnessError ARGUMENT_INVALID
 */
export function supervised(options: SupervisedOptions): string[] {
  const { directory, argv, environment, maxSeconds, heartbeatSeconds, maxOutputBytes = 1024 * 1024 } = options;
  const refuse = (what: string) => new HarnessError({ code: 'ARGUMENT_INVALID', what, where: directory });
  if (!isAbsolute(directory) || normalize(directory) !== directory || !/^\/.+\/[^/]+$/.test(directory)) {
    throw refuse('a launch directory must be an absolute path, two names deep, without . and ..');
  }
  for (const [name, seconds] of Object.entries({ maxSeconds, heartbeatSeconds, maxOutputBytes })) {
    if (!Number.isSafeInteger(seconds) || seconds < 1)
      throw refuse(`${name} must be a whole number from 1, is ${seconds}`);
  }
  for (const name of Object.keys(environment)) {
    if (!NAME.test(name)) throw refuse(`${JSON.stringify(name)} is no name of an environment variable`);
  }
  const [program] = argv;
  // env(1) would take such a program for one more variable.
  if (program === undefined || program === '' || program.includes('=') || program.startsWith('-')) {
    throw refuse(`${JSON.stringify(program)} cannot be run as a program`);
  }
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const command = assignments.length === 0 ? argv : ['env', ...assignments, ...argv];
  const bounds = [maxSeconds, heartbeatSeconds, maxOutputBytes].map(String);
  return ['sh', '-c', SUPERVISOR_SCRIPT, 'snp-supervisor', directory, ...bounds, ...command];
}

/**
 * Starts a command under supervision and keeps its heartbeat. Its output is in the files `stdout` and `stderr` of its
 * directory, complete once `ended` has resolved.
 * @throws HarnessError HOST_COMMAND when the directory cannot be made, HOST_TIMEOUT, SSH_*, ARGUMENT_INVALID
 */
export async function startSupervised(session: Session, options: SupervisedOptions): Promise<Supervised> {
  const supervisor = await session.start(supervised(options));
  const where = `host ${session.name}, ${options.directory}`;
  const heartbeat = setInterval(() => supervisor.write('h'), (options.heartbeatSeconds * 1000) / 4);
  heartbeat.unref();
  const over = supervisor.ended.then(
    () => clearInterval(heartbeat),
    () => clearInterval(heartbeat),
  );
  const lines = supervisor.lines[Symbol.asyncIterator]();
  try {
    const pid = await within(readPid(lines, supervisor, where), START_MS, 'the supervised command to start', where);
    const ended = readEnd(lines, supervisor, options, where);
    // Whoever does not ask how it ended must not bring the process down with it.
    const settled = ended.then(
      () => undefined,
      () => undefined,
    );
    let released: Promise<void> | undefined;
    return {
      pid,
      ended,
      kill: async () => {
        supervisor.write('k');
        await within(settled, KILL_MS, `process ${pid} to end after it was killed`, where);
      },
      release: () => {
        released ??= (async () => {
          clearInterval(heartbeat);
          supervisor.write('q');
          supervisor.end();
          await within(over, KILL_MS, 'the launch directory to be removed', where);
        })();
        return released;
      },
    };
  } catch (error) {
    clearInterval(heartbeat);
    supervisor.end();
    throw error;
  }
}

async function readPid(lines: AsyncIterator<string>, supervisor: HostProcess, where: string): Promise<number> {
  const line = await lines.next();
  const pid = line.done === true ? undefined : /^pid (\d+)$/.exec(line.value)?.[1];
  if (pid !== undefined) return Number(pid);
  if (line.done !== true) supervisor.end();
  const { exitCode, stderr } = await supervisor.ended;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the supervisor did not start the command: exit code ${exitCode}, ${line.done === true ? stderr.trim() : line.value}`,
    where,
    hint: 'the host needs sh, timeout, setsid, mkfifo, head and dd, and a writable launch directory that is not there yet',
  });
}

async function readEnd(
  lines: AsyncIterator<string>,
  supervisor: HostProcess,
  options: SupervisedOptions,
  where: string,
): Promise<{ exitCode: number }> {
  let stop: string | undefined;
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    stop ??= /^stop (\d+)$/.exec(line.value)?.[1];
    const exitCode = /^exit (\d+)$/.exec(line.value)?.[1];
    if (exitCode === undefined) continue;
    if (stop === undefined) return { exitCode: Number(exitCode) };
    const what =
      stop === '124'
        ? `the command ran longer than ${options.maxSeconds} s and was killed`
        : `the host heard nothing of this process for ${options.heartbeatSeconds} s and killed the command`;
    throw new HarnessError({ code: 'HOST_TIMEOUT', what, where });
  }
  const { exitCode, stderr } = await supervisor.ended;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the supervisor ended with exit code ${exitCode} before its command: ${stderr.trim()}`,
    where,
    hint: 'somebody killed it; the host removes what is left when the run time is over',
  });
}

async function within<T>(promise: Promise<T>, timeoutMs: number, what: string, where: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HarnessError({ code: 'HOST_TIMEOUT', what: `waited ${timeoutMs} ms for ${what}`, where }));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
