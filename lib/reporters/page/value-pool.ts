import { hash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

/** JSON shorter than this stays where it stands: a reference to it would save nothing. */
const SHARED_FROM = 96;
/** A chunk is unpacked as a whole when one value of it is looked at: that must not be felt. */
const CHUNK_CHARACTERS = 384 * 1024;
/**
 * Long texts are mostly bytes in base64, of which keys and signatures cannot be packed; all else can, to a twentieth. In one
 * chunk the codes for the one would be the wrong ones for the other: together they take a quarter more.
 */
const STREAMS = { texts: 0, structures: 1 } as const;

/** The key of a reference. Keys of other objects that begin with it have it twice. */
const REFERENCE = '$';

/** Values in chunks, as the page holds them, stream by stream. */
export interface PooledChunks {
  /** Base64 of the raw deflate of a JSON array each. */
  chunks: string[][];
  /** The place in its stream of the first value of each chunk. */
  starts: number[][];
}

/** Values of one kind, packed as they come. */
class Stream {
  readonly chunks: string[] = [];
  readonly starts: number[] = [];
  #open: string[] = [];
  #openCharacters = 0;
  #count = 0;

  /** @returns the place of the value */
  push(text: string): number {
    if (this.#open.length === 0) this.starts.push(this.#count);
    this.#open.push(text);
    this.#openCharacters += text.length;
    if (this.#openCharacters >= CHUNK_CHARACTERS) this.close();
    return this.#count++;
  }

  close(): void {
    if (this.#open.length === 0) return;
    this.chunks.push(packed(`[${this.#open.join(',')}]`));
    this.#open = [];
    this.#openCharacters = 0;
  }
}

/**
 * Keeps JSON values, and every larger part that several of them have in common once. What is added can be forgotten: only
 * the packed chunks, and a hash of each part, stay in memory. The number of a value tells its stream and its place there:
 * twice the place, and one more for a structure.
 */
export class ValuePool {
  readonly #numbers = new Map<string, number>();
  readonly #streams = Object.values(STREAMS).map(() => new Stream());
  readonly #clean: (text: string) => string;

  /** @param clean what is made of every text, keys too, before it is kept */
  constructor(clean: (text: string) => string) {
    this.#clean = clean;
  }

  /** Keeps a value. @returns its number   @throws TypeError for what JSON cannot say */
  add(value: unknown): number {
    return this.#number(this.#text(value));
  }

  #number(text: string): number {
    const key = hash('sha256', text, 'base64');
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const stream = text.startsWith('"') ? STREAMS.texts : STREAMS.structures;
    const place = this.#streams[stream]?.push(text) ?? 0;
    const number = place * this.#streams.length + stream;
    this.#numbers.set(key, number);
    return number;
  }

  /** The JSON of a value in which every larger part is a reference. */
  #text(value: unknown): string {
    if (typeof value === 'string') return JSON.stringify(this.#clean(value));
    if (Array.isArray(value)) return `[${value.map((item) => this.#part(item)).join(',')}]`;
    if (typeof value === 'object' && value !== null) {
      const fields = Object.entries(value).filter(([, field]) => field !== undefined);
      return `{${fields.map(([key, field]) => `${this.#key(key)}:${this.#part(field)}`).join(',')}}`;
    }
    return JSON.stringify(value ?? null);
  }

  #key(key: string): string {
    return JSON.stringify(this.#clean(key.startsWith(REFERENCE) ? `${REFERENCE}${key}` : key));
  }

  #part(value: unknown): string {
    const text = this.#text(value);
    return text.length < SHARED_FROM ? text : `{"${REFERENCE}":${this.#number(text)}}`;
  }

  /** All that was added. */
  end(): PooledChunks {
    for (const stream of this.#streams) stream.close();
    return { chunks: this.#streams.map(({ chunks }) => chunks), starts: this.#streams.map(({ starts }) => starts) };
  }
}

/** Beyond this zlib takes four times as long for what random bytes and their few repetitions give: nothing. */
const DEFLATE_LEVEL = 7;

/** Text as the page holds it: base64 of its raw deflate. */
export function packed(text: string): string {
  return deflateRawSync(text, { level: DEFLATE_LEVEL }).toString('base64');
}
