import { dirname, isAbsolute, normalize } from 'node:path';
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
  /** Bound of what is kept of the beginning and of the end of each output; what is between is dropped. Default 1 MiB. */
  maxOutputBytes?: number;
  /** The slot that the command takes before it starts; absent: it needs none. */
  slot?: SlotRequest;
  /** The supervisor and its command are root's. */
  asRoot?: 'sudo';
  /** Ends the wait for a slot. */
  signal?: AbortSignal;
}

/** A slot is a lock on the host: so many commands run there at once, whoever starts them. */
export interface SlotRequest {
  /** Where the locks are, on the host; everybody who shares it shares the slots. */
  folder: string;
  count: number;
  waitSeconds: number;
  /** Who takes it, in one line, for who waits. */
  holder: string;
}

/** A running command under supervision. */
export interface Supervised {
  /** Of the command, and of its process group, on the host. */
  readonly pid: number;
  /** How long it had to wait for a slot. */
  readonly waitedMs: number;
  /**
   * Resolves when the command has ended and its output files are complete; 128 + number for a signal. Rejects with
   * HOST_TIMEOUT when it was over its run time, with HOST_DISK when the disk was full and its files may lack what it wrote,
   * with SSH_LOST or HOST_COMMAND when its supervisor went first.
   */
  readonly ended: Promise<{ exitCode: number }>;
  /** Kills the command's process group and waits for `ended`, however it ends. The directory stays. */
  kill(): Promise<void>;
  /** Kills what still runs and removes the directory; again, or after the connection went, it does nothing. */
  release(): Promise<void>;
}

/** In the environment of every command that is left on a host: its directory. It tells our processes from all others. */
export const LAUNCH_VARIABLE = 'SNP_CONFORM_LAUNCH';

const START_MS = 30_000;
const KILL_MS = 30_000;
/** From the command's end to the end of its outputs; what left its group and holds them open could do so for ever. */
const OUTPUT_MS = 2000;
const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
const MAX_HOLDER = 300;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The argument array that supervises a command on a host; see SUPERVISOR_SCRIPT for what it says and obeys.
 * @throws HarnessError ARGUMENT_INVALID
 */
export function supervised(options: SupervisedOptions): string[] {
  const { directory, argv, environment, maxSeconds, heartbeatSeconds, maxOutputBytes = DEFAULT_OUTPUT_BYTES } = options;
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
  const { folder = '', count = 0, waitSeconds = 0, holder = '' } = options.slot ?? {};
  const slot = [folder, String(count), String(waitSeconds), holder.replaceAll(/\s+/g, ' ').slice(0, MAX_HOLDER)];
  const how = options.asRoot ?? 'user';
  const script = ['sh', '-c', SUPERVISOR_SCRIPT, 'snp-supervisor', directory, ...bounds, how, ...slot, ...command];
  return how === 'sudo' ? ['sudo', '-n', '--', ...script] : script;
}

/**
 * Starts a command under supervision and keeps its heartbeat. Its output is in the files `stdout` and `stderr` of its
 * directory, complete once `ended` has resolved.
 * @throws HarnessError HOST_COMMAND when the directory cannot be made, HOST_BUSY, HOST_DISK, HOST_TIMEOUT, SSH_*, ARGUMENT_INVALID
 */
export async function startSupervised(session: Session, options: SupervisedOptions): Promise<Supervised> {
  const mark = performance.now();
  // Root would own the folder above the directory, where the user has files as well.
  if (options.asRoot === 'sudo') await session.run(['mkdir', '-p', '--', dirname(options.directory)]);
  const supervisor = await session.start(supervised(options));
  const where = `host ${session.name}, ${options.directory}`;
  const heartbeat = setInterval(() => supervisor.write('h'), (options.heartbeatSeconds * 1000) / 4);
  heartbeat.unref();
  const over = supervisor.ended.then(
    () => clearInterval(heartbeat),
    () => clearInterval(heartbeat),
  );
  const lines = supervisor.lines[Symbol.asyncIterator]();
  const giveUp = (): void => supervisor.end();
  options.signal?.addEventListener('abort', giveUp, { once: true });
  try {
    const waitMs = START_MS + (options.slot?.waitSeconds ?? 0) * 1000;
    const started = readStart(lines, supervisor, options, where);
    const { pid, slotAt } = await within(started, waitMs, 'the supervised command to start', where);
    const ended = readEnd(lines, supervisor, options, where);
    // Whoever does not ask how it ended must not bring the process down with it.
    const settled = ended.then(
      () => undefined,
      () => undefined,
    );
    let released: Promise<void> | undefined;
    return {
      pid,
      waitedMs: slotAt === undefined ? 0 : slotAt - mark,
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
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
  }
}

/**
 * What a supervised command wrote, once it has ended: the beginning and the end, and words where something is missing.
 * @throws HarnessError HOST_COMMAND, SSH_*
 */
export async function readOutput(
  session: Session,
  { directory, maxOutputBytes = DEFAULT_OUTPUT_BYTES }: Pick<SupervisedOptions, 'directory' | 'maxOutputBytes'>,
  name: 'stdout' | 'stderr',
): Promise<string> {
  const read = async (file: string): Promise<string> => {
    const bytes = await session.readFile(`${directory}/${file}`, maxOutputBytes);
    return Buffer.from(bytes ?? []).toString('utf8');
  };
  const [head, tail] = await Promise.all([read(name), read(`${name}.tail`)]);
  // An end that was not filled is all that there was; nobody knows how much is between the two otherwise.
  const whole = Buffer.byteLength(tail) < maxOutputBytes;
  return whole ? `${head}${tail}` : `${head}\n[more was written here, which was not kept]\n${tail}`;
}

/** What a supervisor says before its command runs. */
async function readStart(
  lines: AsyncIterator<string>,
  supervisor: HostProcess,
  { slot }: SupervisedOptions,
  where: string,
): Promise<{ pid: number; slotAt: number | undefined }> {
  const held: string[] = [];
  let slotAt: number | undefined;
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const pid = /^pid (\d+)$/.exec(line.value)?.[1];
    if (pid !== undefined) return { pid: Number(pid), slotAt };
    if (/^slot \d+$/.test(line.value)) slotAt = performance.now();
    else if (/^held \d+ /.test(line.value)) held.push(line.value.replace(/^held (\d+) /, 'slot $1: '));
    else if (line.value === 'busy') {
      supervisor.end();
      throw new HarnessError({
        code: 'HOST_BUSY',
        what: `waited ${slot?.waitSeconds} s for one of ${slot?.count} slots; held by ${held.join('; ')}`,
        where,
        hint: 'see `snp-conform hosts status`; "slotWaitSeconds" in "limits" of hosts.json is how long to wait',
      });
    } else {
      supervisor.end();
      throw new HarnessError({ code: 'HOST_COMMAND', what: `the supervisor says ${line.value}`, where });
    }
  }
  const { exitCode, stderr } = await supervisor.ended;
  if (/No space left on device/.test(stderr)) throw diskError(where);
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the supervisor did not start the command: exit code ${exitCode}, ${stderr.trim()}`,
    where,
    hint: 'the host needs sh, timeout, setsid, mkfifo, head, dd and flock, and a writable launch directory that is not there yet',
  });
}

async function readEnd(
  lines: AsyncIterator<string>,
  supervisor: HostProcess,
  options: SupervisedOptions,
  where: string,
): Promise<{ exitCode: number }> {
  let stop: string | undefined;
  let full = false;
  let enough: NodeJS.Timeout | undefined;
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    stop ??= /^stop (\d+)$/.exec(line.value)?.[1];
    full ||= line.value === 'full';
    if (line.value === 'end') enough = setTimeout(() => supervisor.write('o'), OUTPUT_MS);
    const exitCode = /^exit (\d+)$/.exec(line.value)?.[1];
    if (exitCode === undefined) continue;
    clearTimeout(enough);
    if (full) throw diskError(where);
    if (stop === undefined) return { exitCode: Number(exitCode) };
    const what =
      stop === '124'
        ? `the command ran longer than ${options.maxSeconds} s and was killed`
        : `the host heard nothing of this process for ${options.heartbeatSeconds} s and killed the command`;
    throw new HarnessError({ code: 'HOST_TIMEOUT', what, where });
  }
  clearTimeout(enough);
  const { exitCode, stderr } = await supervisor.ended;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `the supervisor ended with exit code ${exitCode} before its command: ${stderr.trim()}`,
    where,
    hint: 'somebody killed it; the host removes what is left when the run time is over',
  });
}

function diskError(where: string): HarnessError {
  return new HarnessError({
    code: 'HOST_DISK',
    what: 'the disk is full: what was launched there could not write',
    where,
    hint: 'make room, or give the host another "directory"; `snp-conform hosts clean` removes old artifacts',
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
