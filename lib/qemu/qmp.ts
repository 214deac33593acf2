import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { type ErrorCode, HarnessError } from '../errors.ts';
import { LineSplitter } from '../lines.ts';

const MAX_LINE_BYTES = 1024 * 1024;
const MAX_EVENTS = 256;
const DEFAULT_TIMEOUT_MS = 30_000;

/** An event as QEMU sent it, without its time. */
export interface QmpEvent {
  event: string;
  data?: unknown;
}

export interface QmpOptions {
  /** For messages: host and cell. */
  where: string;
  /** For each answer, the greeting too; default 30 000. */
  timeoutMs?: number;
}

const greetingSchema = z.object({
  QMP: z.object({
    version: z.object({ qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }), package: z.string() }),
  }),
});
const eventSchema = z.object({ event: z.string().max(200), data: z.unknown().optional() });
const returnSchema = z.object({ return: z.unknown(), id: z.int() }).refine((answer) => 'return' in answer);
const errorSchema = z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.int() });

interface Pending {
  command: string;
  resolve(value: unknown): void;
  reject(error: HarnessError): void;
}

/**
 * One QMP conversation. Nothing that QEMU sends can grow without bound: more than 256 events or a line over 1 MiB ends
 * the conversation with QMP_PROTOCOL, as does anything that is not QMP.
 * Source: QEMU, docs/interop/qmp-spec.rst.
 */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #options: QmpOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #rejects = new Set<(error: HarnessError) => void>();
  readonly #events: QmpEvent[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #ended: Promise<void>;
  #greet: ((version: string) => void) | undefined;
  #failure: HarnessError | undefined;
  #lastId = 0;
  #version = '';

  /** Use openQmp. */
  constructor(stream: Duplex, options: QmpOptions) {
    this.#stream = stream;
    this.#options = options;
    const splitter = new LineSplitter(MAX_LINE_BYTES, {
      onLine: (line) => this.#take(line),
      onExcess: () => this.#break(`a line of more than ${MAX_LINE_BYTES} bytes`),
    });
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#fail('QMP_ENDED', 'QEMU closed the socket');
        resolve();
      };
      stream.once('end', end).once('close', end);
    });
    stream.on('error', (cause) => this.#fail('QMP_ENDED', `the socket failed: ${cause.message}`, cause));
    stream.on('data', (chunk: Uint8Array) => splitter.push(chunk));
  }

  /** Major, minor and micro version of QEMU with its package, as it greeted: `10.0.2 (Debian 1:10.0.2)`. */
  get version(): string {
    return this.#version;
  }

  /** What happened so far, oldest first, at most 256. */
  get events(): readonly QmpEvent[] {
    return this.#events;
  }

  /** Resolves when QEMU has closed the socket, or the conversation has failed. Never rejects. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Waits for the greeting and leaves the negotiation mode. Called once, by openQmp. */
  async negotiate(): Promise<void> {
    this.#version = await this.#within('the greeting of QEMU', undefined, (resolve) => {
      this.#greet = resolve;
    });
    await this.execute('qmp_capabilities');
  }

  /**
   * Executes one command.
   * @returns what QEMU answered under `return`
   * @throws HarnessError QMP_COMMAND when QEMU answers with an error, QMP_ENDED when it goes first (that is how a refused
   *   launch looks after `cont`), QMP_PROTOCOL, HOST_TIMEOUT
   */
  async execute(command: string, args?: Readonly<Record<string, unknown>>, timeoutMs?: number): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    try {
      return await this.#within(`the answer of QEMU to ${command}`, timeoutMs, (resolve, reject) => {
        this.#pending.set(id, { command, resolve, reject });
        this.#stream.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  /**
   * Waits for the first event of one of these names; one that has already come counts.
   * @throws HarnessError QMP_ENDED, QMP_PROTOCOL, HOST_TIMEOUT
   */
  async waitForEvent(names: readonly string[], timeoutMs?: number): Promise<QmpEvent> {
    const find = () => this.#events.find((event) => names.includes(event.event));
    const come = find();
    if (come !== undefined) return come;
    let watch: () => void = () => undefined;
    try {
      return await this.#within(`the event ${names.join(' or ')}`, timeoutMs, (resolve) => {
        watch = () => {
          const event = find();
          if (event !== undefined) resolve(event);
        };
        this.#watchers.add(watch);
      });
    } finally {
      this.#watchers.delete(watch);
    }
  }

  /** Ends the conversation; whatever is pending rejects with QMP_ENDED. */
  close(): void {
    this.#fail('QMP_ENDED', 'the harness closed the socket');
  }

  #take(line: string): void {
    if (this.#failure !== undefined || line.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#break(`a line that is not JSON: ${excerpt(line)}`);
      return;
    }
    const event = eventSchema.safeParse(message);
    if (event.success) {
      this.#keep(event.data);
      return;
    }
    const greeting = greetingSchema.safeParse(message);
    if (greeting.success && this.#greet !== undefined) {
      const { qemu, package: packaged } = greeting.data.QMP.version;
      this.#greet(`${qemu.major}.${qemu.minor}.${qemu.micro}${packaged === '' ? '' : ` (${packaged})`}`);
      this.#greet = undefined;
      return;
    }
    if (greeting.success && this.#isNegotiating()) return;
    this.#answer(message, line);
  }

  /**
   * A client that connects while QEMU still sets its monitor up may be greeted twice; the commands after the second greeting
   * are negotiated as after the first. Source: QEMU, monitor/qmp.c, monitor_qmp_event; chardev/char-fe.c.
   */
  #isNegotiating(): boolean {
    return this.#lastId === 0 || this.#pending.get(1)?.command === 'qmp_capabilities';
  }

  #answer(message: unknown, line: string): void {
    const value = returnSchema.safeParse(message);
    const error = errorSchema.safeParse(message);
    const id = value.success ? value.data.id : error.success ? error.data.id : undefined;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || id < 1 || id > this.#lastId) {
      this.#break(`an answer to nothing that was asked: ${excerpt(line)}`);
      return;
    }
    // Without a pending command it is a late answer to one that was given up: it says nothing more.
    if (value.success) pending?.resolve(value.data.return);
    if (error.success && pending !== undefined) {
      const { class: kind, desc } = error.data.error;
      pending.reject(this.#error('QMP_COMMAND', `QEMU refused ${pending.command}: ${desc} (${kind})`));
    }
  }

  #keep(event: z.infer<typeof eventSchema>): void {
    if (this.#events.length === MAX_EVENTS) {
      this.#break(`more than ${MAX_EVENTS} events`);
      return;
    }
    this.#events.push('data' in event ? { event: event.event, data: event.data } : { event: event.event });
    for (const watch of this.#watchers) watch();
  }

  #break(what: string): void {
    this.#fail('QMP_PROTOCOL', `QEMU sent ${what}`);
  }

  #fail(code: ErrorCode, what: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#error(code, what, cause);
    for (const reject of this.#rejects) reject(this.#failure);
    this.#rejects.clear();
    this.#stream.destroy();
  }

  async #within<T>(
    what: string,
    timeoutMs: number = this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    perform: (resolve: (value: T) => void, reject: (error: HarnessError) => void) => void,
  ): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    let forget: () => void = () => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        // The failure says that the conversation is over; what was waited for is worth knowing too.
        const fail = (error: HarnessError) =>
          reject(this.#error(error.code, `${error.what} while ${what} was waited for`, error.cause));
        const late = () => reject(this.#error('HOST_TIMEOUT', `waited ${timeoutMs} ms for ${what}`));
        const timer = setTimeout(late, timeoutMs);
        this.#rejects.add(fail);
        forget = () => {
          clearTimeout(timer);
          this.#rejects.delete(fail);
        };
        perform(resolve, reject);
      });
    } finally {
      forget();
    }
  }

  #error(code: ErrorCode, what: string, cause?: unknown): HarnessError {
    return new HarnessError({ code, what, where: this.#options.where, cause });
  }
}

/**
 * Opens the QMP conversation on a connected socket.
 * @throws HarnessError QMP_PROTOCOL, QMP_ENDED, HOST_TIMEOUT; the socket is closed then
 */
export async function openQmp(stream: Duplex, options: QmpOptions): Promise<QmpClient> {
  const client = new QmpClient(stream, options);
  try {
    await client.negotiate();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

function excerpt(line: string): string {
  return JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}...` : line);
}
