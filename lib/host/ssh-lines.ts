import type { HarnessError } from '../errors.ts';
import { openSshConnection, type SshConnection } from './ssh-connection.ts';
import type { SshOptions } from './ssh-options.ts';

/** sshd allows ten sessions on a connection (MaxSessions) unless it is told otherwise. */
const SESSIONS_PER_CONNECTION = 8;
/** A channel that ended counts on the server for a moment longer. */
const REFUSED_ALONE_TRIES = 4;
const REFUSED_ALONE_PAUSE_MS = 50;

/** A connection and how many channels are open on it now. */
interface Line {
  connection: SshConnection;
  channels: number;
}

/** A channel, and the connection that it is on. */
export interface Taken<C> {
  readonly channel: C;
  readonly connection: SshConnection;
  /** To be called when the channel has ended; again it does nothing. */
  free(): void;
}

/** Did the server refuse to open a channel? ssh2 then leaves the server's reason in the error. */
function isRefusedChannel(thrown: unknown): boolean {
  const cause = (thrown as Partial<HarnessError> | undefined)?.cause;
  return cause instanceof Error && typeof Reflect.get(cause, 'reason') === 'number';
}

/**
 * The connections of one session to a host: as many as its channels need. How many channels a server allows on one is
 * learned from its refusals. Once the first connection is lost all are of no more use.
 */
export class SshLines {
  readonly first: SshConnection;
  readonly #options: SshOptions;
  readonly #lines: Promise<Line>[];
  #mostChannels = SESSIONS_PER_CONNECTION;

  constructor(options: SshOptions, first: SshConnection) {
    this.first = first;
    this.#options = options;
    this.#lines = [Promise.resolve({ connection: first, channels: 0 })];
  }

  /** Opens a channel on a connection that has room for it. @throws HarnessError SSH_*, and what `open` rejects with */
  async open<C>(open: (connection: SshConnection) => Promise<C>): Promise<Taken<C>> {
    for (let refusedAlone = 0; ; ) {
      const line = await this.#lineWithRoom();
      let taken = true;
      const free = (): void => {
        if (taken) line.channels -= 1;
        taken = false;
      };
      try {
        return { channel: await open(line.connection), connection: line.connection, free };
      } catch (thrown) {
        const others = line.channels - 1;
        free();
        if (!isRefusedChannel(thrown)) throw thrown;
        if (others > 0) {
          this.#mostChannels = Math.min(this.#mostChannels, others);
          continue;
        }
        refusedAlone += 1;
        if (refusedAlone === REFUSED_ALONE_TRIES) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, REFUSED_ALONE_PAUSE_MS));
      }
    }
  }

  /** A connection with room for one more channel, counted at once. */
  async #lineWithRoom(): Promise<Line> {
    if (this.first.lost !== undefined) throw this.first.lost;
    for (const opening of [...this.#lines]) {
      const line = await opening;
      if (line.connection.lost === undefined && line.channels < this.#mostChannels) {
        line.channels += 1;
        return line;
      }
    }
    const opening = openSshConnection(this.#options).then((connection): Line => ({ connection, channels: 0 }));
    this.#lines.push(opening);
    try {
      await opening;
    } catch (error) {
      this.#lines.splice(this.#lines.indexOf(opening), 1);
      throw error;
    }
    return this.#lineWithRoom();
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const lines = await Promise.allSettled(this.#lines);
    await Promise.all(lines.map((line) => (line.status === 'fulfilled' ? line.value.connection.close() : undefined)));
  }
}
