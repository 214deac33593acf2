import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import type { AcceptConnection, ClientChannel, RejectConnection, SFTPWrapper, UNIXConnectionDetails } from 'ssh2';
import { HarnessError } from '../errors.ts';
import { collectOutput, keepHead, LineReader } from './process-output.ts';
import { quoteCommand } from './quote.ts';
import type { CommandResult, HostProcess, RunOptions, Session } from './session.ts';
import { openSshConnection, type SshConnection } from './ssh-connection.ts';
import { openSftp, readHostFile, uploadFile } from './ssh-files.ts';
import { SshLines, type Taken } from './ssh-lines.ts';
import type { SshOptions } from './ssh-options.ts';

const DEFAULT_RUN_MS = 60_000;
const DEFAULT_OUTPUT_BYTES = 1024 * 1024;
const STDERR_BYTES = 64 * 1024;
/**
 * Opens a session to a host over SSH.
 * @throws HarnessError SSH_HOST_KEY, SSH_AUTH, SSH_CONNECT, FILE_UNREADABLE
 */
export async function openSshSession(options: SshOptions): Promise<SshSession> {
  return new SshSession(options, await openSshConnection(options));
}

/**
 * A session over SSH. Sockets go over its first connection; commands and files too, and over further connections when more
 * run at once than the server allows on one. Once the first connection is lost the session is of no more use.
 * The login shell of the user must be a POSIX shell.
 */
export class SshSession implements Session {
  readonly name: string;
  readonly #options: SshOptions;
  readonly #lines: SshLines;
  readonly #listeners = new Map<string, (stream: Duplex) => void>();
  #sftp: Promise<Taken<SFTPWrapper>> | undefined;

  constructor(options: SshOptions, connection: SshConnection) {
    this.name = options.name;
    this.#options = options;
    this.#lines = new SshLines(options, connection);
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
    const { channel, connection, free } = await this.#lines.open((on) => execute(on, argv));
    try {
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
      ended.catch((error: unknown) => lines.fail(error)).finally(free);
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
      free();
      throw error;
    }
  }

  async connectUnix(path: string): Promise<Duplex> {
    const connection = this.#lines.first;
    return connection.operation<Duplex>(`a connection to the socket ${path}`, (resolve, reject) => {
      connection.client.openssh_forwardOutStreamLocal(path, (cause, channel) => {
        if (cause === undefined) resolve(channel);
        else reject(socketError(cause, `no connection to the socket ${path}`, connection));
      });
    });
  }

  async listenUnix(path: string, onConnection: (stream: Duplex) => void): Promise<{ close(): Promise<void> }> {
    const connection = this.#lines.first;
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
    const { channel, connection } = await this.#files();
    await uploadFile(connection, channel, localPath, hostPath);
  }

  async readFile(hostPath: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const { channel, connection } = await this.#files();
    return readHostFile(connection, channel, hostPath, maxBytes);
  }

  close(): Promise<void> {
    return this.#lines.close();
  }

  async #withChannel<T>(
    argv: readonly string[],
    use: (channel: ClientChannel, connection: SshConnection) => Promise<T>,
  ): Promise<T> {
    const { channel, connection, free } = await this.#lines.open((on) => execute(on, argv));
    try {
      return await use(channel, connection);
    } finally {
      // Harmless after its end, and all that can be done about one that is over its deadline.
      channel.close();
      free();
    }
  }

  /** The file channel; another one where the connection of the first was lost. */
  async #files(): Promise<Taken<SFTPWrapper>> {
    this.#sftp ??= this.#lines.open(openSftp);
    const opening = this.#sftp;
    const taken = await opening.catch((error: unknown) => {
      if (this.#sftp === opening) this.#sftp = undefined;
      throw error;
    });
    if (taken.connection.lost === undefined) return taken;
    if (this.#sftp === opening) this.#sftp = undefined;
    return this.#files();
  }

  #accept(info: UNIXConnectionDetails, accept: AcceptConnection, reject: RejectConnection): void {
    const listener = this.#listeners.get(info.socketPath);
    if (listener === undefined) reject();
    else listener(accept());
  }

  async #unlisten(path: string): Promise<void> {
    if (!this.#listeners.delete(path)) return;
    const connection = this.#lines.first;
    if (connection.lost !== undefined) return;
    await connection.operation<void>(`the end of listening on ${path}`, (resolve) => {
      // sshd refuses only what it does not listen on, and then there is nothing to end.
      connection.client.openssh_unforwardInStreamLocal(path, () => resolve());
    });
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
          hint: 'sshd_config needs MaxSessions of at least 1, and no ForceCommand for this user',
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
