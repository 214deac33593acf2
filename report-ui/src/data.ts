import { PAGE_FORMAT, type PageIndex } from '../../lib/reporters/page/model.ts';

/** Chunks of values that stay unpacked: what a reader went through last. */
const CHUNKS_KEPT = 48;
/** The key of a reference to another value; other keys that begin with it have it twice. */
const REFERENCE = '$';

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The JSON of a block of the document. */
async function unpacked(id: string): Promise<unknown> {
  const base64 = document.getElementById(id)?.textContent ?? '';
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(stream).text());
}

/** All rows of the run. @throws Error where the document was made by another version */
export async function readIndex(): Promise<PageIndex> {
  const index = (await unpacked('index')) as PageIndex;
  if (index.format !== PAGE_FORMAT) throw new Error(`expected ${PAGE_FORMAT}, got ${String(index.format)}`);
  return index;
}

/** What cells left behind, unpacked when it is asked for. */
export class Values {
  readonly #starts: readonly number[];
  readonly #chunks = new Map<number, Promise<unknown[]>>();

  constructor(starts: readonly number[]) {
    this.#starts = starts;
  }

  async get(number: number): Promise<unknown> {
    const chunk = this.#chunkOf(number);
    const values = await this.#load(chunk);
    return this.#resolve(values[number - (this.#starts[chunk] ?? 0)]);
  }

  #chunkOf(number: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #load(chunk: number): Promise<unknown[]> {
    const known = this.#chunks.get(chunk);
    const values = known ?? (unpacked(`chunk-${chunk}`) as Promise<unknown[]>);
    this.#chunks.delete(chunk);
    this.#chunks.set(chunk, values);
    const [oldest] = this.#chunks.keys();
    if (this.#chunks.size > CHUNKS_KEPT && oldest !== undefined) this.#chunks.delete(oldest);
    return values;
  }

  async #resolve(value: unknown): Promise<unknown> {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Promise.all(value.map((item) => this.#resolve(item)));
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first?.[0] === REFERENCE) return this.get(Number(first[1]));
    const fields = await Promise.all(
      entries.map(async ([key, field]) => [
        key.startsWith(REFERENCE) ? key.slice(REFERENCE.length) : key,
        await this.#resolve(field),
      ]),
    );
    return Object.fromEntries(fields);
  }
}
