import type { Duplex } from 'node:stream';

/** What a finished command left. */
export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Bytes for the command's standard input; none: closed at once. */
  stdin?: Uint8Array | string;
  timeoutMs?: number;
  /** More than this from stdout and stderr together is an error; default 1 MiB. */
  maxOutputBytes?: number;
}

/** A long-running command that ends when its standard input ends. */
export interface HostProcess {
  /** Writes to the command's standard input. */
  write(bytes: string): void;
  /** Closes its standard input. */
  end(): void;
  /** Each complete line of its standard output, bounded in length. */
  readonly lines: AsyncIterable<string>;
  /** Resolves when it has ended; rejects with SSH_LOST when the connection went first. */
  readonly ended: Promise<{ exitCode: number; stderr: string }>;
}

/**
 * One connection to a machine that launches guests. Commands are argv arrays: one function quotes them for the remote
 * shell. Every wait has a deadline; errors are HarnessErrors of the codes SSH_* and HOST_*.
 */
export interface Session {
  /** For messages: `milan-1` or `root@127.0.0.1:2222`. */
  readonly name: string;
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  start(argv: readonly string[]): Promise<HostProcess>;
  /** Connects to a Unix socket on the host. */
  connectUnix(path: string): Promise<Duplex>;
  /** Listens on a Unix socket on the host; each connection made there arrives here. Its file may outlive the listening. */
  listenUnix(path: string, onConnection: (stream: Duplex) => void): Promise<{ close(): Promise<void> }>;
  /**
   * Copies a local file to the host, whole or not at all; one that broke off with its connection is gone on with. Nobody else
   * may upload to the same path meanwhile.
   */
  upload(localPath: string, hostPath: string): Promise<void>;
  /** At most maxBytes of a file on the host, from its start; undefined where there is no such file. */
  readFile(hostPath: string, maxBytes: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
