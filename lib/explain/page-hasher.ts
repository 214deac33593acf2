import { PAGE_BYTES } from '../abi/page-info.ts';
import type { VmsaPages } from '../measure/vmsa.ts';
import { BLOCK_BYTES, BLOCK_PAIR_BYTES, KEYS, PAGE_MEMORY, pageModule } from './page-code.ts';
import { IV } from './sha384-code.ts';
import { canRun, instantiate } from './wasm-module.ts';

const BLOCKS = PAGE_BYTES / BLOCK_BYTES;

/** Two pages of which few words change: what is before those is hashed once. */
export interface PagePair {
  /** The first block that may change. */
  readonly first: number;
  /** The state of both before it. */
  readonly state: Uint8Array;
  /** The words of the blocks that may change, and of those up to the first of which all are zeros. */
  readonly words: Uint8Array;
  /** Blocks after them, with that which ends the message. */
  readonly rest: number;
}

/** The words of blocks of two pages, alternating. */
function interleaved(boot: Uint8Array, application: Uint8Array, from: number, to: number): Uint8Array {
  const words = new Uint8Array((to - from) * BLOCK_PAIR_BYTES);
  const [left, right] = [boot, application].map((page) =>
    Buffer.from(page.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES)).swap64(),
  );
  for (let at = 0; at < words.length / 2; at += 8) {
    words.set(left?.subarray(at, at + 8) ?? [], 2 * at);
    words.set(right?.subarray(at, at + 8) ?? [], 2 * at + 8);
  }
  return words;
}

/** The first block from which on a page is zeros. */
function zerosFrom(page: Uint8Array): number {
  return Math.ceil((page.findLastIndex((byte) => byte !== 0) + 1) / BLOCK_BYTES);
}

/**
 * SHA-384 of the pages of vCPU 0 and of all others, side by side. A hypothesis about vCPUs changes a word or two of both,
 * and most of what follows is zeros, of which the message schedule is known: two thirds of what two calls of OpenSSL cost.
 */
export class PageHasher {
  readonly #run: (at: number, end: number, rest: number) => number;
  readonly #memory: Buffer;
  readonly #view: DataView;
  #pair: PagePair | undefined;

  constructor() {
    const { memory, run } = instantiate(pageModule);
    this.#memory = Buffer.from(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#run = run;
    for (const { at, keys } of KEYS)
      for (const [index, key] of keys.entries()) this.#memory.writeBigUInt64LE(key, at + 8 * index);
  }

  /**
   * Hashes what two pages have before the words that change.
   * @param boot 4096 bytes, and as many of `application`   @param at the first word that changes, and the last: offsets in a page
   */
  pairOf({ boot, application }: VmsaPages, at: readonly [first: number, last: number]): PagePair {
    const first = Math.floor(at[0] / BLOCK_BYTES);
    const zeros = Math.max(zerosFrom(boot), zerosFrom(application), Math.floor(at[1] / BLOCK_BYTES) + 1);
    for (const [index, value] of IV.entries()) {
      for (const lane of [0, 1]) this.#memory.writeBigUInt64LE(value, PAGE_MEMORY.state + 16 * index + 8 * lane);
    }
    const before = interleaved(boot, application, 0, first);
    this.#memory.set(before, PAGE_MEMORY.blocks);
    this.#run(PAGE_MEMORY.blocks, PAGE_MEMORY.blocks + before.length, 0);
    const state = Uint8Array.from(this.#memory.subarray(PAGE_MEMORY.state, PAGE_MEMORY.boot));
    this.#pair = undefined;
    return { first, state, words: interleaved(boot, application, first, zeros), rest: BLOCKS - zeros + 1 };
  }

  /** Goes on with a pair. Its words are those of the last hypothesis about it: each that changes is to be set. */
  begin(pair: PagePair): void {
    if (this.#pair === pair) return;
    this.#pair = pair;
    this.#memory.set(pair.state, PAGE_MEMORY.state);
    this.#memory.set(pair.words, PAGE_MEMORY.blocks);
  }

  /** Sets a word of both pages. @param at a multiple of 8, not before the first that changes   @param value as a little-endian number */
  word(at: number, value: bigint): void {
    const place = PAGE_MEMORY.blocks + 2 * (at - (this.#pair?.first ?? 0) * BLOCK_BYTES);
    this.#view.setBigUint64(place, value);
    this.#view.setBigUint64(place + 8, value);
  }

  /** Writes both digests, vCPU 0 first, bytes swapped in eights: 96 bytes. */
  digests(target: Buffer): void {
    const { words, rest } = this.#pair ?? { words: new Uint8Array(0), rest: 0 };
    this.#run(PAGE_MEMORY.blocks, PAGE_MEMORY.blocks + words.length, rest);
    this.#memory.copy(target, 0, PAGE_MEMORY.boot, PAGE_MEMORY.digestsEnd);
  }
}

/** null: this processor cannot hash two pages at once. */
export function pageHasher(): PageHasher | null {
  return canRun(pageModule) ? new PageHasher() : null;
}
