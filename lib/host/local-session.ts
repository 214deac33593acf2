import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, open, rename, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { HarnessError } from '../errors.ts';
import { collectOutput, keepHead, LineReader } from './process-output.ts';
import { quoteCommand } from './quote.ts';
import type { CommandResult, HostProcess, RunOptions, Session } from './session.ts';

const DEFAULT_RUN_MS = 60_000;
const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
const STDERR_BYTES = 64 * 1024;
const CONNECT_MS = 10_000;

/** What a login gives, and nothing that somebody else put there. Source: OpenSSH sshd(8), LOGIN PROCESS; locale(7). */
const LOGIN_VARIABLE = /^(?:HOME|LANG|LC_[A-Z]+|LOGNAME|PATH|SHELL|TMPDIR|TZ|USER|XDG_RUNTIME_DIR)$/;

/**
 * The environment of a host that is this machine: as over SSH, without the tokens, passwords and agents of who runs the
 * harness, for what a QEMU or a wrapper of it writes becomes evidence.
 */
export function loginEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => LOGIN_VARIABLE.test(name)));
}

/** A session to the machine of the harness itself; the same contract as over SSH, without a connection to lose. */
export class LocalSession implements Session {
  readonly name: string;
  readonly #where: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #ends = new Set<() => void>();
  #closed: HarnessError | undefined;

  /** @param environment of its commands */
  constructor(name: string, environment: NodeJS.ProcessEnv = process.env) {
    this.name = name;
    this.#environment = environment;
    this.#where = `host ${name}, local`;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const { timeoutMs = DEFAULT_RUN_MS, maxOutputBytes = DEFAULT_OUTPUT_BYTES } = options;
    // As over SSH: what outlives its deadline is ended even where this process is gone by then.
    const child = this.#spawn(['timeout', '-s', 'KILL', String(Math.ceil(timeoutMs / 1000) + 1), ...argv]);
    const what = argv.join(' ').slice(0, 200);
    return new Promise<CommandResult>((resolve, reject) => {
      const stop = (error: HarnessError) => {
        reject(error);
        killGroup(child);
      };
      const timer = setTimeout(() => {
        stop(this.#error('HOST_TIMEOUT', `waited ${timeoutMs} ms for the command ${what}`));
      }, timeoutMs);
      const output = collectOutput(child.stdout, child.stderr, maxOutputBytes, stop);
      const end = () => stop(this.#closedError());
      this.#ends.add(end);
      child.once('error', (cause) => reject(this.#error('HOST_COMMAND', `${what}: ${cause.message}`, cause)));
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        this.#ends.delete(end);
        resolve({ exitCode: exitCodeOf(code, signal), ...output() });
      });
      child.stdin.end(options.stdin ?? '');
    });
  }

  async start(argv: readonly string[]): Promise<HostProcess> {
    const child = this.#spawn(argv);
    const stderr = keepHead(child.stderr, STDERR_BYTES);
    const lines = new LineReader(child.stdout);
    const ended = new Promise<{ exitCode: number; stderr: string }>((resolve, reject) => {
      // A command over SSH is not killed either: it ends because its standard input does.
      const end = () => {
        child.stdin.destroy();
        reject(this.#closedError());
      };
      this.#ends.add(end);
      // The shell of a host says 127 for a program that is not there; so that both hosts behave alike, so does this.
      child.once('error', (error) => resolve({ exitCode: 127, stderr: `${error.message}\n` }));
      child.once('close', (code, signal) => {
        this.#ends.delete(end);
        resolve({ exitCode: exitCodeOf(code, signal), stderr: stderr() });
      });
    });
    ended.catch((error: unknown) => lines.fail(error));
    return {
      lines,
      ended,
      write: (bytes) => {
        if (child.stdin.writable) child.stdin.write(bytes);
      },
      end: () => {
        if (child.stdin.writable) child.stdin.end();
      },
    };
  }

  async connectUnix(path: string): Promise<Duplex> {
    this.#check();
    return new Promise<Duplex>((resolve, reject) => {
      const socket = createConnection({ path });
      const timer = setTimeout(() => {
        reject(this.#error('HOST_TIMEOUT', `waited ${CONNECT_MS} ms for a connection to the socket ${path}`));
        socket.destroy();
      }, CONNECT_MS);
      socket.once('error', (cause) => {
        clearTimeout(timer);
        reject(this.#error('HOST_COMMAND', `no connection to the socket ${path}: ${cause.message}`, cause));
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        this.#adopt(socket);
        resolve(socket);
      });
    });
  }

  async listenUnix(path: string, onConnection: (stream: Duplex) => void): Promise<{ close(): Promise<void> }> {
    this.#check();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#adopt(socket);
      onConnection(socket);
    });
    const close = async () => {
      this.#ends.delete(end);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    };
    const end = () => {
      server.close();
    };
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        reject(this.#error('HOST_COMMAND', `cannot listen on the socket ${path}: ${cause.message}`, cause));
      });
      server.listen(path, resolve);
    });
    this.#ends.add(end);
    return { close };
  }

  async upload(localPath: string, hostPath: string): Promise<void> {
    this.#check();
    const temporary = `${hostPath}.${randomBytes(8).toString('hex')}.part`;
    try {
      await copyFile(localPath, temporary);
      const [expected, copied] = await Promise.all([stat(localPath), stat(temporary)]);
      if (expected.size !== copied.size) throw new Error(`expected ${expected.size} bytes, found ${copied.size}`);
      await rename(temporary, hostPath);
    } catch (cause) {
      await rm(temporary, { force: true });
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#error('HOST_UPLOAD', `${localPath} could not be copied to ${hostPath}: ${why}`, cause);
    }
  }

  async readFile(hostPath: string, maxBytes: number): Promise<Uint8Array | undefined> {
    this.#check();
    try {
      const file = await open(hostPath, 'r');
      try {
        const bytes = new Uint8Array(maxBytes);
        let length = 0;
        while (length < maxBytes) {
          const { bytesRead } = await file.read(bytes, length, maxBytes - length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return bytes.slice(0, length);
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (cause instanceof Error && Reflect.get(cause, 'code') === 'ENOENT') return undefined;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#error('HOST_COMMAND', `${hostPath} cannot be read: ${why}`, cause);
    }
  }

  async close(): Promise<void> {
    this.#closed ??= this.#closedError();
    for (const end of this.#ends) end();
    this.#ends.clear();
  }

  #spawn(argv: readonly string[]): ChildProcessWithoutNullStreams {
    this.#check();
    // Refuses what could not be sent to a host over SSH either.
    quoteCommand(argv);
    const [program = '', ...rest] = argv;
    // A group of its own: Ctrl-C in the terminal of the harness must not reach it, and a deadline must end all of it.
    const child = spawn(program, rest, {
      detached: true,
      env: this.#environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A command may end without reading its input.
    child.stdin.on('error', () => undefined);
    return child;
  }

  #adopt(socket: Socket): void {
    // A connection over SSH ends without an error event too; whoever reads sees its end.
    socket.on('error', () => undefined);
    const end = () => {
      socket.destroy();
    };
    this.#ends.add(end);
    socket.once('close', () => this.#ends.delete(end));
  }

  #check(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  #closedError(): HarnessError {
    return this.#error('SSH_LOST', 'the session was closed by the harness');
  }

  #error(
    code: 'HOST_COMMAND' | 'HOST_TIMEOUT' | 'HOST_UPLOAD' | 'SSH_LOST',
    what: string,
    cause?: unknown,
  ): HarnessError {
    return new HarnessError({ code, what, where: this.#where, cause });
  }
}

function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
