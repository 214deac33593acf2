import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client, type ConnectConfig } from 'ssh2';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { type KnownKeys, knownKeys, parseHostKey } from './known-hosts.ts';
import { shellWord } from './quote.ts';
import { describeTarget, offeredAlgorithms, refuseHostKey, type SshOptions, type SshTarget } from './ssh-options.ts';

/** How long the server may take to say goodbye. */
const CLOSE_MS = 2000;

/** One SSH connection: a client of ssh2 and the promise that nothing waits on it for ever. */
export class SshConnection {
  readonly client: Client;
  readonly where: string;
  readonly #timeoutMs: number;
  readonly #pending = new Set<(error: HarnessError) => void>();
  readonly #socket: Duplex;
  readonly #closed: Promise<void>;
  #lost: HarnessError | undefined;

  /** @param socket below the client, connected */
  constructor(client: Client, socket: Duplex, options: SshOptions) {
    this.client = client;
    this.#socket = socket;
    this.where = describeTarget(options);
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#lose('the server closed the connection');
        resolve();
      });
    });
    client.on('error', (error) => {
      this.#lose(error.message, error);
      socket.destroy();
    });
  }

  /** Why nothing can be done on this connection any more; undefined while it is up. */
  get lost(): HarnessError | undefined {
    return this.#lost;
  }

  #lose(why: string, cause?: unknown): void {
    this.#lost ??= new HarnessError({
      code: 'SSH_LOST',
      what: `the connection was lost: ${why}`,
      where: this.where,
      hint: 'see the log of sshd on the host, and whether the host is still up',
      cause,
    });
    for (const reject of this.#pending) reject(this.#lost);
    this.#pending.clear();
  }

  /**
   * Performs one operation that ends with `resolve` or `reject`, with a deadline, and ends it when the connection goes.
   * @param what completes "waited for ..."   @param timeoutMs Infinity: until the connection is lost
   * @throws HarnessError SSH_LOST, HOST_TIMEOUT, or what `perform` rejects with
   */
  async operation<T>(
    what: string,
    perform: (resolve: (value: T) => void, reject: (error: unknown) => void, touch: () => void) => void,
    timeoutMs: number = this.#timeoutMs,
  ): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    let forget: () => void = () => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.add(reject);
        const expired = () => reject(this.#timeout(what, timeoutMs));
        let timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(expired, timeoutMs);
        const touch = () => {
          if (timer === undefined) return;
          clearTimeout(timer);
          timer = setTimeout(expired, timeoutMs);
        };
        forget = () => {
          clearTimeout(timer);
          timer = undefined;
          this.#pending.delete(reject);
        };
        perform(resolve, reject, touch);
      });
    } catch (error) {
      // ssh2 fails what was under way before it says that the connection went; the loss is the better reason.
      if (!this.#socket.writable) this.#lose('the server closed the connection');
      throw this.#lost ?? error;
    } finally {
      forget();
    }
  }

  #timeout(what: string, timeoutMs: number): HarnessError {
    return new HarnessError({
      code: 'HOST_TIMEOUT',
      what: `waited ${timeoutMs} ms for ${what}`,
      where: this.where,
    });
  }

  /** Says goodbye and cuts the line when no answer comes. Whatever was pending rejects with SSH_LOST. */
  async close(): Promise<void> {
    this.#lose('it was closed by the harness');
    const cut = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
    this.client.end();
    await this.#closed;
    clearTimeout(cut);
  }
}

/** The bytes below a connection: straight to the machine, or through one that is jumped over. */
async function openWire(options: SshOptions): Promise<Duplex> {
  const { address, port, jump, connectTimeoutMs, timeoutMs, keepaliveMs } = options;
  if (jump === undefined) return connect({ host: address, port, noDelay: true });
  const between = await openSshConnection({ ...jump, connectTimeoutMs, timeoutMs, keepaliveMs });
  try {
    const wire = await between.operation<Duplex>(`a way on to ${address}:${port}`, (resolve, reject) => {
      between.client.forwardOut('127.0.0.1', 0, address, port, (cause, channel) => {
        if (cause === undefined) resolve(channel);
        else {
          reject(
            new HarnessError({
              code: 'SSH_CONNECT',
              what: `the jump host does not reach ${address}:${port}: ${cause.message}`,
              where: between.where,
              hint: 'is the host up, and does sshd of the jump host allow AllowTcpForwarding?',
              cause,
            }),
          );
        }
      });
    });
    wire.once('close', () => void between.close());
    return wire;
  } catch (error) {
    await between.close();
    throw error;
  }
}

/**
 * Opens one SSH connection. The key of the machine is checked, against `hostKey` or a known_hosts file, unless the check
 * is off. A known_hosts file that is not there knows nobody.
 * @throws HarnessError SSH_HOST_KEY, SSH_AUTH, SSH_CONNECT; FILE_UNREADABLE when the key or known_hosts cannot be read
 */
export async function openSshConnection(options: SshOptions): Promise<SshConnection> {
  const known = await knownKeysOf(options);
  const privateKey =
    options.privateKeyPath === undefined ? undefined : await readPrivateKey(options.privateKeyPath, options);
  const where = describeTarget(options);
  const client = new Client();
  let refusedKey: HarnessError | undefined;
  const wire = await openWire(options);
  const config: ConnectConfig = {
    sock: wire,
    username: options.user,
    readyTimeout: options.connectTimeoutMs ?? 10_000,
    keepaliveInterval: options.keepaliveMs ?? 5000,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: offeredAlgorithms(known.accepted) },
    hostVerifier: (blob: Buffer) => {
      refusedKey = refuseHostKey(options, known, blob);
      return refusedKey === undefined;
    },
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.agentSocket === undefined ? {} : { agent: options.agentSocket }),
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error & { level?: string }) => {
      client.removeListener('close', closed);
      client.on('error', () => undefined);
      wire.destroy();
      reject(refusedKey ?? connectError(error, options));
    };
    const closed = () => fail(new Error('the server closed the connection before the user was let in'));
    client.once('error', fail).once('close', closed);
    client.once('ready', () => {
      client.removeListener('error', fail).removeListener('close', closed);
      resolve();
    });
    try {
      client.connect(config);
    } catch (error) {
      // ssh2 reads the private key here: damaged, or its passphrase is missing or wrong.
      wire.on('error', () => undefined).destroy();
      reject(
        new HarnessError({
          code: 'SSH_AUTH',
          what: `the private key cannot be used: ${error instanceof Error ? error.message : String(error)}`,
          where: `${where}, key ${options.privateKeyPath ?? 'none'}`,
          hint: 'for a key with a passphrase: "passphrase": { "env": "NAME" }, or "agent": true in hosts.json',
          cause: error,
        }),
      );
    }
  });
  return new SshConnection(client, wire, options);
}

async function knownKeysOf(options: SshTarget): Promise<KnownKeys> {
  if (options.hostKeyCheck === 'off') return { accepted: [], revoked: [] };
  if (options.hostKey !== undefined) {
    const key = parseHostKey(options.hostKey);
    if (key !== undefined) return { accepted: [key], revoked: [] };
    throw new HarnessError({
      code: 'SSH_HOST_KEY',
      what: 'the given host key is malformed: expected `ssh-ed25519 AAAA...` or another public key line',
      where: describeTarget(options),
      hint: `take it from: ssh-keyscan -p ${options.port} ${options.address}`,
    });
  }
  if (options.knownHostsPath === undefined) return { accepted: [], revoked: [] };
  try {
    return knownKeys(await readFile(options.knownHostsPath, 'utf8'), options.address, options.port);
  } catch (cause) {
    // Whoever uses SSH for the first time has none; what to do about it depends on the key that the machine will show.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { accepted: [], revoked: [] };
    throw unreadable(`the known_hosts file ${options.knownHostsPath}`, options, cause);
  }
}

async function readPrivateKey(path: string, options: SshTarget): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const file = shellWord(path);
    const { port, user, address } = options;
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const hint = `to make one, and have it let in: ssh-keygen -t ed25519 -f ${file} && ssh-copy-id -i ${file}.pub -p ${port} ${user}@${address}`;
    throw unreadable(`the private key ${path}`, options, cause, absent ? hint : undefined);
  }
}

function unreadable(what: string, target: SshTarget, cause: unknown, hint?: string): HarnessError {
  return new HarnessError({
    code: 'FILE_UNREADABLE',
    what: `${what} cannot be read: ${fileTrouble(cause)}`,
    where: describeTarget(target),
    hint,
    cause,
  });
}

function connectError(error: Error & { level?: string }, options: SshTarget): HarnessError {
  const where = describeTarget(options);
  // sshd that has seen enough keys hangs up by itself, with words instead of a level.
  if (error.level === 'client-authentication' || error.level === 'agent' || /authentication/i.test(error.message)) {
    const { privateKeyPath, port, user, address } = options;
    const withKey = privateKeyPath === undefined ? '' : `-i ${shellWord(privateKeyPath)} `;
    const tried = [
      privateKeyPath === undefined ? undefined : `key ${privateKeyPath}`,
      options.agentSocket === undefined ? undefined : 'the agent',
      options.password === undefined ? undefined : 'a password',
    ].filter((way) => way !== undefined);
    return new HarnessError({
      code: 'SSH_AUTH',
      what: `the server did not let user ${user} in with ${tried.join(' and ') || 'no key at all'}: ${error.message}`,
      where,
      hint: `try: ssh ${withKey}-p ${port} ${user}@${address} true`,
      cause: error,
    });
  }
  return new HarnessError({
    code: 'SSH_CONNECT',
    what: `no connection: ${error.message}`,
    where,
    hint: 'is the host up, and does sshd listen on that address and port?',
    cause: error,
  });
}
