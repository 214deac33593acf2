import type { Readable } from 'node:stream';
import { HarnessError } from '../errors.ts';
import { LineSplitter } from '../lines.ts';

const MAX_LINE_BYTES = 64 * 1024;
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Collects the output of a command up to a bound over both streams.
 * @throws HarnessError HOST_COMMAND through `onExcess`, once, when there is more
 */
export function collectOutput(
  stdout: Readable,
  stderr: Readable,
  maxBytes: number,
  onExcess: (error: HarnessError) => void,
): () => { stdout: string; stderr: string } {
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  let bytes = 0;
  let excess = false;
  const collect = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) {
      into.push(chunk);
      return;
    }
    if (!excess) {
      onExcess(
        new HarnessError({ code: 'HOST_COMMAND', what: `a command wrote more than ${maxBytes} bytes, the bound` }),
      );
    }
    excess = true;
  };
  stdout.on('data', collect(chunks.stdout));
  stderr.on('data', collect(chunks.stderr));
  return () => ({
    stdout: Buffer.concat(chunks.stdout).toString('utf8'),
    stderr: Buffer.concat(chunks.stderr).toString('utf8'),
  });
}

/** Keeps the first bytes of a stream, reads the rest and says how much was left out. */
export function keepHead(stream: Readable, maxBytes: number): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (bytes < maxBytes) chunks.push(chunk.subarray(0, maxBytes - bytes));
    bytes += chunk.length;
  });
  return () => {
    const text = Buffer.concat(chunks).toString('utf8');
    return bytes > maxBytes ? `${text}\n[${bytes - maxBytes} more bytes]\n` : text;
  };
}

/**
 * The complete lines of a stream, for one reader. The stream is always read, so that its end is always seen; a line or a
 * backlog over its bound fails the reader with HOST_COMMAND and the lines after it are dropped. An unfinished last line is
 * not a line.
 */
export class LineReader implements AsyncIterable<string> {
  readonly #lines: string[] = [];
  #waitingBytes = 0;
  #ended = false;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(stream: Readable) {
    const splitter = new LineSplitter(MAX_LINE_BYTES, {
      onLine: (line) => this.#take(line),
      onExcess: () => this.#exceed(`a line of more than ${MAX_LINE_BYTES} bytes`),
    });
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
    stream.once('end', () => this.#finish());
    stream.once('close', () => this.#finish());
  }

  /** Ends the lines with an error, for example when the connection went. */
  fail(error: unknown): void {
    if (!this.#ended) this.#failure ??= error;
    this.#finish();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        this.#waitingBytes -= line.length;
        yield line;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#wake();
  }

  #take(line: string): void {
    if (this.#ended) return;
    this.#lines.push(line);
    this.#waitingBytes += line.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#exceed(`more than ${MAX_WAITING_BYTES} bytes that nobody read`);
    this.#wake();
  }

  #exceed(what: string): void {
    this.fail(new HarnessError({ code: 'HOST_COMMAND', what: `a command wrote ${what}` }));
  }
}
