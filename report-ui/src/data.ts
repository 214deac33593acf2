import { PAGE_FORMAT, type PageIndex } from '../../lib/reporters/page/model.ts';

/** Chunks of values that stay unpacked: what a reader went through last. */
const CHUNKS_KEPT = 24;
/** The key of a reference to another value; other keys that begin with it have it twice. */
const REFERENCE = '$';

/** The bytes that base64 says. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
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

/** The last chunk that begins at a place or before it. */
function chunkOf(starts: readonly number[], place: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What cells left behind, unpacked when it is asked for. */
export class Values {
  readonly #starts: readonly (readonly number[])[];
  readonly #chunks = new Map<string, Promise<unknown[]>>();

  /** @param starts of each stream of chunks the place of the first value of each chunk */
  constructor(starts: readonly (readonly number[])[]) {
    this.#starts = starts;
  }

  async get(number: number): Promise<unknown> {
    const stream = number % this.#starts.length;
    const place = Math.floor(number / this.#starts.length);
    const starts = this.#starts[stream] ?? [];
    const chunk = chunkOf(starts, place);
    const values = await this.#load(`chunk-${stream}-${chunk}`);
    return this.#resolve(values[place - (starts[chunk] ?? 0)]);
  }

  #load(id: string): Promise<unknown[]> {
    const values = this.#chunks.get(id) ?? (unpacked(id) as Promise<unknown[]>);
    this.#chunks.delete(id);
    this.#chunks.set(id, values);
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
