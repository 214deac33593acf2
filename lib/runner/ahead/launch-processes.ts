import { once } from 'node:events';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { workerProgram } from '../worker-program.ts';
import { onJsonLines, writeJsonLine } from './json-lines.ts';
import { LaunchChild } from './launch-child.ts';
import { AHEAD_VARIABLE, type Announced, type Answer, type Question, questionSchema, type Told } from './messages.ts';
import { ToldLaunches } from './told-launches.ts';

/**
 * The path of a socket has at most 107 bytes, on macOS 103, and Node cuts off the rest: two runs would meet on one.
 * Source: Linux unix(7), sun_path.
 */
const MAX_FOLDER_BYTES = 103 - '/snp-ahead-4194304-XXXXXX/ahead.sock'.length;

export interface LaunchProcessesOptions {
  /** Names of the hosts of the run. */
  readonly hosts: readonly string[];
  /** `launch-process.ts`, or what speaks like it. */
  readonly program: URL;
  /** A process that is asked and says nothing for so long is ended. */
  readonly silenceMs: number;
  /** Says what happened, a line. */
  readonly say: (line: string) => void;
}

/**
 * The processes of a run that launch cells ahead of their tests: as many launches at once as hosts have slots, however few
 * workers there are, and a test that fails ends none of them. Workers ask over a socket what came of a launch.
 */
export class LaunchProcesses {
  readonly #children: readonly LaunchChild[];
  readonly #told = new ToldLaunches();
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** A runner whose command line was killed ends without stopping anything. */
  readonly #remove = (): void => rmSync(this.#folder, { recursive: true, force: true });
  #stopping = false;

  private constructor({ hosts, program, silenceMs, say }: LaunchProcessesOptions, folder: string, server: Server) {
    this.#folder = folder;
    this.#server = server;
    server.on('connection', (socket) => this.#answer(socket));
    process.once('exit', this.#remove);
    const count = Math.min(hosts.length, availableParallelism());
    this.#children = Array.from({ length: count }, (_, at) => {
      const own = hosts.filter((_host, index) => index % count === at);
      const child = new LaunchChild(program, own, { silenceMs, onAnswer: (answer) => this.#heard(answer) });
      void child.ended.then((how) => {
        this.#told.giveUpAll(own);
        if (!this.#stopping && !child.isStopped) {
          say(
            `the process that launches on ${own.join(', ')} ended (${how}); its tests launch by themselves, one at a time`,
          );
        }
      });
      return child;
    });
  }

  /**
   * Starts the processes, which load their program meanwhile; workers that are started from now on know whom to ask.
   * @throws Error of the system where there can be no socket
   */
  static async start(options: LaunchProcessesOptions): Promise<LaunchProcesses> {
    const above = socketFolder(tmpdir());
    removeLeftOver(above);
    const folder = mkdtempSync(join(above, `snp-ahead-${process.pid}-`));
    try {
      const path = join(folder, 'ahead.sock');
      const server = createServer();
      server.listen(path);
      await once(server, 'listening');
      process.env[AHEAD_VARIABLE] = path;
      return new LaunchProcesses(options, folder, server);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #heard({ host, launch, told }: Answer): void {
    if (told === null) this.#told.giveUp(host, launch);
    else this.#told.tell(told);
  }

  #answer(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    onJsonLines(socket, questionSchema, (question) => void this.#answered(question, socket));
  }

  async #answered({ host, launch }: Question, socket: Socket): Promise<void> {
    const child = this.#children.find(({ hosts }) => hosts.includes(host));
    const waited = this.#told.isUnderWay(host, launch) ? child?.ask({ host, launch }) : undefined;
    const told = await this.#told.take(host, launch, () => socket.writable);
    waited?.();
    const answer: Answer = { host, launch, told };
    writeJsonLine(socket, answer);
  }

  /** Begins to launch, in this order. What is announced of a host that is none of the run's is nobody's to launch. */
  launch(announced: Announced): void {
    if (this.#stopping) return;
    for (const child of this.#children) {
      const mine = Object.entries(announced).flatMap(([host, names]) => {
        const fresh = child.hosts.includes(host) ? names.filter((name) => this.#told.announce(host, name)) : [];
        return fresh.length === 0 ? [] : [[host, fresh] as const];
      });
      if (mine.length > 0) child.launch(Object.fromEntries(mine));
      else child.stop();
      // It may be gone already.
      if (!child.isConnected) this.#told.giveUpAll(child.hosts);
    }
  }

  /** How many launches of a host run or are to come. */
  underWay(host: string): number {
    return this.#told.underWay(host);
  }

  /** What came of a launch that no test has asked for; null where that is not known, or nothing did. */
  untaken(host: string, launch: string): Told | null {
    return this.#told.untaken(host, launch);
  }

  /** Ends launches that are still under way, and the processes. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#server.close();
    for (const child of this.#children) child.stop();
    await Promise.all(this.#children.map(({ ended }) => ended));
    for (const socket of this.#sockets) socket.destroy();
    process.off('exit', this.#remove);
    this.#remove();
  }
}

function socketFolder(temporary: string): string {
  return Buffer.byteLength(temporary) > MAX_FOLDER_BYTES ? '/tmp' : temporary;
}

/** Where all processes of a run are killed at once, nobody is left to remove its socket. Containers may share the folder. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function removeLeftOver(above: string): void {
  for (const name of readdirSync(above)) {
    const pid = /^snp-ahead-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const found = lstatSync(join(above, name), { throwIfNoEntry: false });
    // What other users left is theirs, and may not be removed.
    if (found === undefined || found.uid !== process.getuid?.()) continue;
    if (Date.now() - found.mtimeMs > LEFT_OVER_MS) rmSync(join(above, name), { recursive: true, force: true });
  }
}

let current: LaunchProcesses | undefined;

/** Those of this run, from its setup on; undefined where tests launch by themselves. */
export function launchProcesses(): LaunchProcesses | undefined {
  return current;
}

/**
 * Starts those of this run, where their program is there.
 * @param silenceMs a process that is asked and says nothing for so long is ended   @returns what ends them
 */
export async function startLaunchProcesses(hosts: readonly string[], silenceMs: number): Promise<() => Promise<void>> {
  // Of a run that started this one.
  delete process.env[AHEAD_VARIABLE];
  const program = workerProgram('ahead/launch-process');
  if (program === null) return async () => undefined;
  const say = (line: string): void => void process.stderr.write(`LAB ${line}\n`);
  try {
    const started = await LaunchProcesses.start({ hosts, program, silenceMs, say });
    current = started;
    return () => started.stop();
  } catch (thrown) {
    // A folder for temporary files that is full, or not there, costs time and no result.
    delete process.env[AHEAD_VARIABLE];
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    say(`tests launch by themselves, one at a time for each host: ${message}`);
    return async () => undefined;
  }
}
