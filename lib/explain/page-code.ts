import { END_BIT, K, keyedSchedule, LETTERS, lengthBlock, PAIR, Sha384Code, WORKING } from './sha384-code.ts';
import { type Code, NO_RESULT, OP, signedLeb, simd, unsignedLeb, wasmModule } from './wasm-code.ts';

/** Bytes of a block of SHA-384, and of the words of two of them side by side. */
export const BLOCK_BYTES = 128;
export const BLOCK_PAIR_BYTES = 2 * BLOCK_BYTES;
const PAGE_BYTES = 4096;

/** Where the module's memory has what. Words are those of the message, so bytes are swapped in eights; of two pages they alternate. */
export const PAGE_MEMORY = {
  state: 0,
  boot: 128,
  application: 176,
  digestsEnd: 224,
  zeroKeys: 256,
  lastKeys: 896,
  blocks: 2048,
} as const;

/** What each round adds in a block of zeros, and in the one that ends the message of a page. */
export const KEYS: readonly { at: number; keys: readonly bigint[] }[] = [
  { at: PAGE_MEMORY.zeroKeys, keys: K },
  { at: PAGE_MEMORY.lastKeys, keys: keyedSchedule(lengthBlock(PAGE_BYTES, END_BIT)) },
];

const PARAMETERS = ['at', 'end', 'rest'] as const;
const STATE = LETTERS.map((_, index) => `s${index}`);
const V128 = [...WORKING, ...STATE];
const NAMES: readonly string[] = [...PARAMETERS, 'keys', ...V128];

const sha384 = new Sha384Code(NAMES, PAIR);
const get = (name: string): Code => sha384.get(name);
const set = (name: string, value: Code): Code => sha384.set(name, value);
const number = (value: number): Code => [OP.i32Const, signedLeb(BigInt(value))];
/** Both of an alignment and an offset of an access to memory. */
const place = (alignment: number, at: number): Code => [alignment, unsignedLeb(at)];

/** A compression: the state becomes that after one more block. */
function compressed(word: (index: number) => Code): Code {
  const begin = LETTERS.map((letter, index) => set(letter, get(`s${index}`)));
  const end = LETTERS.map((letter, index) => set(`s${index}`, PAIR.add(get(`s${index}`), get(letter))));
  return [begin, sha384.rounds(word), end];
}

/** Blocks from `at` to `end`, each with words of its own. */
function blocks(): Code {
  const message = Array.from({ length: 16 }, (_, index) =>
    set(`w${index}`, [get('at'), simd('load', place(4, 16 * index))]),
  );
  const on = set('at', [get('at'), number(BLOCK_PAIR_BYTES), OP.i32Add]);
  const body = [message, compressed((index) => sha384.scheduled(index)), on];
  const more = [get('at'), get('end'), OP.i32LtU];
  return [more, OP.if, NO_RESULT, OP.loop, NO_RESULT, body, more, OP.brIf, 0, OP.end, OP.end];
}

/** So many blocks as `rest` says, of which the last ends the message and all others are zeros: their words are known. */
function restOfPage(): Code {
  const word = (index: number): Code => [get('keys'), simd('load64Splat', place(3, 8 * index))];
  const one = set('rest', [get('rest'), number(1), OP.i32Sub]);
  const last = [get('rest'), OP.i32Eqz, OP.if, NO_RESULT, set('keys', number(PAGE_MEMORY.lastKeys)), OP.end];
  const body = [one, last, compressed(word)];
  return [
    set('keys', number(PAGE_MEMORY.zeroKeys)),
    [OP.loop, NO_RESULT, body, get('rest'), OP.brIf, 0, OP.end],
    [PAGE_MEMORY.boot, PAGE_MEMORY.application].map((at, lane) => digest(at, lane)),
  ];
}

/** Writes the digest of one of both. */
function digest(at: number, lane: number): Code {
  return STATE.slice(0, 6).map((name, index) => [
    [number(0), get(name), simd('extractLane', lane)],
    [OP.i64Store, place(3, at + 8 * index)],
  ]);
}

/**
 * The machine code of SHA-384 of two pages side by side. `run(at, end, rest)` goes on from the state in its memory by the
 * blocks from `at` to `end`, then by `rest` blocks of which the last ends the message, and leaves both digests; where
 * `rest` is 0 it leaves the state instead.
 */
export function pageModule(): Uint8Array {
  const start = STATE.map((name, index) => set(name, [number(0), simd('load', place(4, 16 * index))]));
  const state = STATE.map((name, index) => [
    [number(0), get(name)],
    simd('store', place(4, PAGE_MEMORY.state + 16 * index)),
  ]);
  const end = [get('rest'), OP.if, NO_RESULT, restOfPage(), OP.else, state, OP.end, number(0)];
  return wasmModule({
    parameters: PARAMETERS.length,
    locals: [
      [1, 'i32'],
      [V128.length, 'v128'],
    ],
    code: [start, blocks(), end],
  });
}
