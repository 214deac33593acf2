import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import type { AcceptConnection, ClientChannel, RejectConnection, SFTPWrapper, UNIXConnectionDetails } from 'ssh2';
import { HarnessError } from '../errors.ts';
import { collectOutput, keepHead, LineReader } from './process-output.ts';
import { quoteCommand } from './quote.ts';
import type { CommandResult, HostProcess, RunOptions, Session } from './session.ts';
import { openSshConnection, type SshConnection } from './ssh-connection.ts';
import { openSftp, readHostFile, uploadFile } from './ssh-files.ts';
import type { SshOptions } from './ssh-options.ts';

const DEFAULT_RUN_MS = 60_000;
const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
const STDERR_BYTES = 64 * 1024;
/** sshd allows ten sessions on a connection (MaxSessions); commands beyond this many go over a further connection. */
const SESSIONS_PER_CONNECTION = 8;

/** A connection and how many commands run on it now. */
interface Line {
  connection: SshConnection;
  commands: number;
}

/**
 * Opens a session to a host over SSH.
 * @throws HarnessError SSH_HOST_KEY, SSH_AUTH, SSH_CONNECT, FILE_UNREADABLE
 */
export async function openSshSession(options: SshOptions): Promise<SshSession> {
  return new SshSession(options, await openSshConnection(options));
}

/**
 * A session over SSH. Sockets and files go over its first connection; commands too, and over further connections when
 * more run at once than the server allows on one. Once the first connection is lost the session is of no more use.
 * The login shell of the user must be a POSIX shell.
 */
export class SshSession implements Session {
  readonly name: string;
  readonly #options: SshOptions;
  readonly #first: Line;
  readonly #lines: Promise<Line>[];
  readonly #listeners = new Map<string, (stream: Duplex) => void>();
  #sftp: Promise<SFTPWrapper> | undefined;

  constructor(options: SshOptions, connection: SshConnection) {
    this.name = options.name;
    this.#options = options;
    // The file channel takes a session too.
    this.#first = { connection, commands: 1 };
    this.#lines = [Promise.resolve(this.#first)];
    connection.client.on('unix connection', (info, accept, reject) => this.#accept(info, accept, reject));
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const { timeoutMs = this.#options.timeoutMs ?? DEFAULT_RUN_MS, maxOutputBytes = DEFAULT_OUTPUT_BYTES } = options;
    // Closing a channel does not end the command behind it, so the host itself ends one that outlives its deadline.
    const bounded = ['timeout', '-s', 'KILL', String(Math.ceil(timeoutMs / 1000) + 1), ...argv];
    return this.#withChannel(bounded, async (channel, connection) =>
      connection.operation<CommandResult>(
        `the command ${argv.join(' ').slice(0, 200)}`,
        (resolve, reject) => {
          const output = collectOutput(channel, channel.stderr, maxOutputBytes, (error) => {
            reject(error);
            channel.close();
          });
          channel.once('close', (code: unknown, signal: unknown) => {
            const exitCode = exitCodeOf(code, signal);
            if (exitCode === undefined) reject(noExitCode(argv, connection));
            else resolve({ exitCode, ...output() });
          });
          channel.end(options.stdin ?? '');
        },
        timeoutMs,
      ),
    );
  }

  async start(argv: readonly string[]): Promise<HostProcess> {
    const line = await this.#lineForCommand();
    const { connection } = line;
    try {
      const channel = await execute(connection, argv);
      const stderr = keepHead(channel.stderr, STDERR_BYTES);
      const lines = new LineReader(channel);
      const ended = connection.operation<{ exitCode: number; stderr: string }>(
        'the end of a command',
        (resolve, reject) => {
          channel.once('close', (code: unknown, signal: unknown) => {
            const exitCode = exitCodeOf(code, signal);
            if (exitCode === undefined) reject(noExitCode(argv, connection));
            else resolve({ exitCode, stderr: stderr() });
          });
        },
        Number.POSITIVE_INFINITY,
      );
      ended
        .catch((error: unknown) => lines.fail(error))
        .finally(() => {
          line.commands -= 1;
        });
      return {
        lines,
        ended,
        write: (bytes) => {
          if (channel.writable) channel.write(bytes);
        },
        end: () => {
          if (channel.writable) channel.end();
        },
      };
    } catch (error) {
      line.commands -= 1;
      throw error;
    }
  }

  async connectUnix(path: string): Promise<Duplex> {
    const { connection } = this.#first;
    return connection.operation<Duplex>(`a connection to the socket ${path}`, (resolve, reject) => {
      connection.client.openssh_forwardOutStreamLocal(path, (cause, channel) => {
        if (cause === undefined) resolve(channel);
        else reject(socketError(cause, `no connection to the socket ${path}`, connection));
      });
    });
  }

  async listenUnix(path: string, onConnection: (stream: Duplex) => void): Promise<{ close(): Promise<void> }> {
    const { connection } = this.#first;
    if (this.#listeners.has(path)) {
      throw socketError(new Error('this session listens there already'), `cannot listen on ${path}`, connection);
    }
    this.#listeners.set(path, onConnection);
    try {
      await connection.operation<void>(`the listening socket ${path}`, (resolve, reject) => {
        connection.client.openssh_forwardInStreamLocal(path, (cause) => {
          if (cause instanceof Error) reject(socketError(cause, `cannot listen on the socket ${path}`, connection));
          else resolve();
        });
      });
    } catch (error) {
      this.#listeners.delete(path);
      throw error;
    }
    return { close: () => this.#unlisten(path) };
  }

  async upload(localPath: string, hostPath: string): Promise<void> {
    const temporary = `${hostPath}.${randomBytes(8).toString('hex')}.part`;
    await uploadFile(this.#first.connection, await this.#files(), localPath, hostPath, temporary);
  }

  async readFile(hostPath: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return readHostFile(this.#first.connection, await this.#files(), hostPath, maxBytes);
  }

  async close(): Promise<void> {
    const lines = await Promise.allSettled(this.#lines);
    await Promise.all(lines.map((line) => (line.status === 'fulfilled' ? line.value.connection.close() : undefined)));
  }

  async #withChannel<T>(
    argv: readonly string[],
    use: (channel: ClientChannel, connection: SshConnection) => Promise<T>,
  ): Promise<T> {
    const line = await this.#lineForCommand();
    try {
      const channel = await execute(line.connection, argv);
      try {
        return await use(channel, line.connection);
      } finally {
        // Harmless after its end, and all that can be done about one that is over its deadline.
        channel.close();
      }
    } finally {
      line.commands -= 1;
    }
  }

  /** A connection with room for one more command, counted at once. */
  async #lineForCommand(): Promise<Line> {
    if (this.#first.connection.lost !== undefined) throw this.#first.connection.lost;
    for (const opening of [...this.#lines]) {
      const line = await opening;
      if (line.connection.lost === undefined && line.commands < SESSIONS_PER_CONNECTION) {
        line.commands += 1;
        return line;
      }
    }
    const opening = openSshConnection(this.#options).then((connection): Line => ({ connection, commands: 0 }));
    this.#lines.push(opening);
    try {
      await opening;
    } catch (error) {
      this.#lines.splice(this.#lines.indexOf(opening), 1);
      throw error;
    }
    return this.#lineForCommand();
  }

  #files(): Promise<SFTPWrapper> {
    this.#sftp ??= openSftp(this.#first.connection).catch((error: unknown) => {
      this.#sftp = undefined;
      throw error;
    });
    return this.#sftp;
  }

  #accept(info: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection): void {
    const listener = this.#listeners.get(info.socketPath);
    if (listener === undefined) reject();
    else listener(accept());
  }

  async #unlisten(path: string): Promise<void> {
    if (!this.#listeners.delete(path)) return;
    const { connection } = this.#first;
    if (connection.lost !== undefined) return;
    await connection.operation<void>(`the end of listening on ${path}`, (resolve) => {
      // sshd refuses only what it does not listen on, and then there is nothing to end.
      connection.client.openssh_unforwardInStreamLocal(path, () => resolve());
    });
    // sshd leaves the socket file behind.
    await this.run(['rm', '-f', '--', path]);
  }
}

async function execute(connection: SshConnection, argv: readonly string[]): Promise<ClientChannel> {
  const line = quoteCommand(argv);
  return connection.operation<ClientChannel>('the start of a command', (resolve, reject) => {
    connection.client.exec(line, (cause, channel) => {
      if (cause === undefined) {
        channel.on('error', () => undefined);
        resolve(channel);
        return;
      }
      reject(
        new HarnessError({
          code: 'HOST_COMMAND',
          what: `the server starts no command: ${cause.message}`,
          where: connection.where,
          hint: `sshd_config needs MaxSessions of at least ${SESSIONS_PER_CONNECTION}, and no ForceCommand for this user`,
          cause,
        }),
      );
    });
  });
}

/** 128 + number for a signal, as shells count. */
function exitCodeOf(code: unknown, signal: unknown): number | undefined {
  if (typeof code === 'number') return code;
  if (typeof signal !== 'string') return undefined;
  return 128 + (Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0);
}

function noExitCode(argv: readonly string[], connection: SshConnection): HarnessError {
  return new HarnessError({
    code: 'HOST_COMMAND',
    what: `the command ${argv.join(' ').slice(0, 200)} ended without an exit code`,
    where: connection.where,
  });
}

function socketError(cause: Error, what: string, connection: SshConnection): HarnessError {
  return new HarnessError({
    code: 'HOST_COMMAND',
    what: `${what}: ${cause.message}`,
    where: connection.where,
    hint: 'sshd_config needs AllowStreamLocalForwarding yes; a path has at most 107 bytes',
    cause,
  });
}
