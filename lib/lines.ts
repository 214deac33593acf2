/** What becomes of the lines of a byte stream. */
export interface LineHandler {
  /** A complete line, without its newline. */
  onLine(line: string): void;
  /** A line is longer than the bound; called once a line, whose rest is dropped up to the next newline. */
  onExcess(): void;
}

/** Cuts a byte stream into lines of UTF-8 text and never keeps more than maxBytes of an unfinished one. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #handler: LineHandler;
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #dropping = false;

  constructor(maxBytes: number, handler: LineHandler) {
    this.#maxBytes = maxBytes;
    this.#handler = handler;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, at));
      from = at + 1;
      const line = Buffer.concat(this.#partial).toString('utf8');
      const whole = !this.#dropping;
      this.#partial = [];
      this.#partialBytes = 0;
      this.#dropping = false;
      if (whole) this.#handler.onLine(line);
    }
    this.#keep(chunk.subarray(from));
  }

  #keep(part: Uint8Array): void {
    if (this.#dropping || part.length === 0) return;
    this.#partialBytes += part.length;
    if (this.#partialBytes <= this.#maxBytes) {
      // A copy: what is kept must not pin a large chunk or change with it.
      this.#partial.push(part.slice());
      return;
    }
    this.#partial = [];
    this.#dropping = true;
    this.#handler.onExcess();
  }
}
