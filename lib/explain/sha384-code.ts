import { type Code, OP, signedLeb, simd, unsignedLeb } from './wasm-code.ts';

const U64 = (value: bigint): bigint => BigInt.asUintN(64, value);

function primes(count: number): bigint[] {
  const found: bigint[] = [];
  for (let candidate = 2n; found.length < count; candidate += 1n) {
    if (found.every((prime) => candidate % prime !== 0n)) found.push(candidate);
  }
  return found;
}

/** The largest number whose power is not above a value. */
function root(value: bigint, power: bigint): bigint {
  let [low, high] = [0n, 1n << 80n];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle ** power <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The round constants of SHA-384: fractional parts of cube roots of the first 80 primes. Source: FIPS 180-4, 4.2.3. */
export const K: readonly bigint[] = primes(80).map((prime) => U64(root(prime << 192n, 3n)));
/** The initial hash value of SHA-384: of square roots of the ninth to sixteenth prime. Source: FIPS 180-4, 5.3.4. */
export const IV: readonly bigint[] = primes(16)
  .slice(8)
  .map((prime) => U64(root(prime << 128n, 2n)));

const rotr = (value: bigint, bits: bigint): bigint => U64((value >> bits) | (value << (64n - bits)));

/** The message schedule of a block that is known beforehand, with the round constants in it. Source: FIPS 180-4, 6.4.2. */
export function keyedSchedule(block: readonly bigint[]): bigint[] {
  const words = [...block];
  const at = (index: number): bigint => words[index] ?? 0n;
  for (let index = 16; index < 80; index += 1) {
    const [x, y] = [at(index - 15), at(index - 2)];
    const s0 = rotr(x, 1n) ^ rotr(x, 8n) ^ (x >> 7n);
    const s1 = rotr(y, 19n) ^ rotr(y, 61n) ^ (y >> 6n);
    words.push(U64(s1 + at(index - 7) + s0 + at(index - 16)));
  }
  return words.map((word, index) => U64(word + (K[index] ?? 0n)));
}

/** The last block of a padded message that ends with a whole block, or the one before. @param bytes of the message */
export function lengthBlock(bytes: number, end: bigint): bigint[] {
  return [end, ...Array<bigint>(14).fill(0n), BigInt(bytes) * 8n];
}

/** The one bit that ends the message. */
export const END_BIT = 1n << 63n;

/** How 64-bit numbers are reckoned with: one, or two at once. */
export interface Arithmetic {
  readonly constant: (value: bigint) => Code;
  /** The instruction that adds what two pieces before it left. */
  readonly plus: Code;
  readonly add: (first: Code, ...others: readonly Code[]) => Code;
  readonly xor: (first: Code, ...others: readonly Code[]) => Code;
  readonly and: (left: Code, right: Code) => Code;
  readonly rotated: (value: Code, bits: number) => Code;
  readonly shifted: (value: Code, bits: number) => Code;
}

/** Values put together by an instruction, from the left. */
export const joined =
  (op: Code) =>
  (first: Code, ...others: readonly Code[]): Code => [first, ...others.flatMap((other) => [other, op])];
const number64 = (value: bigint): Code => [OP.i64Const, signedLeb(value)];
const number32 = (value: number): Code => [OP.i32Const, signedLeb(BigInt(value))];

/** Of one message. */
export const SINGLE: Arithmetic = {
  constant: number64,
  plus: OP.i64Add,
  add: joined([OP.i64Add]),
  xor: joined([OP.i64Xor]),
  and: joined([OP.i64And]),
  rotated: (value, bits) => [value, number64(BigInt(bits)), OP.i64Rotr],
  shifted: (value, bits) => [value, number64(BigInt(bits)), OP.i64ShrU],
};

/** Of two messages side by side, whose halves do not know of one another. */
export const PAIR: Arithmetic = {
  constant: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(U64(value));
    return simd('constant', ...bytes, ...bytes);
  },
  plus: simd('add'),
  add: joined(simd('add')),
  xor: joined(simd('xor')),
  and: joined(simd('and')),
  rotated: (value, bits) => {
    const [low, high] = [
      [value, number32(bits)],
      [value, number32(64 - bits)],
    ];
    return [low, simd('shrU'), high, simd('shl'), simd('or')];
  },
  shifted: (value, bits) => [value, number32(bits), simd('shrU')],
};

/** The working variables. */
export const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

/** Names of the locals that a compression works with: `a` to `h`, `t`, and sixteen words of the message. */
export const WORKING: readonly string[] = [...LETTERS, 't', ...Array.from({ length: 16 }, (_, index) => `w${index}`)];

/** Compressions of blocks by local variables. */
export class Sha384Code {
  readonly #gets: ReadonlyMap<string, Code>;
  readonly #locals: readonly string[];
  readonly #by: Arithmetic;

  /** @param locals all local variables of the function, in order: those of WORKING among them */
  constructor(locals: readonly string[], by: Arithmetic) {
    this.#locals = locals;
    this.#gets = new Map(locals.map((name, index) => [name, [OP.localGet, unsignedLeb(index)]]));
    this.#by = by;
  }

  get(name: string): Code {
    return this.#gets.get(name) ?? [];
  }

  set(name: string, value: Code): Code {
    return [value, OP.localSet, unsignedLeb(this.#locals.indexOf(name))];
  }

  /** One round but for its word, W plus K, which stands between. @param turn how far a to h are turned. Source: FIPS 180-4, 6.4.2. */
  #round(turn: number): { before: Code; after: Code } {
    const { add, xor, and } = this.#by;
    const name = (index: number): string => LETTERS[(index + 8 - turn) % 8] ?? 'a';
    const get = (index: number): Code => this.get(name(index));
    const rotated = (index: number, bits: number): Code => this.#by.rotated(get(index), bits);
    const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
    const sum1 = xor(rotated(e, 14), rotated(e, 18), rotated(e, 41));
    const choice = xor(get(g), and(get(e), xor(get(f), get(g))));
    const sum0 = xor(rotated(a, 28), rotated(a, 34), rotated(a, 39));
    const majority = xor(and(get(a), get(b)), and(get(c), xor(get(a), get(b))));
    return {
      before: add(get(h), sum1, choice),
      after: [
        this.set('t', this.#by.plus),
        this.set(name(d), add(get(d), this.get('t'))),
        this.set(name(h), add(this.get('t'), sum0, majority)),
      ],
    };
  }

  /** All rounds over a state that stands in a to h; afterwards it stands there again, for 80 is a multiple of 8. */
  rounds(word: (index: number) => Code): Code {
    const eight = LETTERS.map((_, turn) => this.#round(turn));
    return Array.from({ length: 80 }, (_, index) => {
      const { before, after } = eight[index % 8] ?? { before: [], after: [] };
      return [before, word(index), after];
    });
  }

  /** The word of a round of a block of which w0 to w15 are the message: then from its schedule, kept in the same places. */
  scheduled(index: number): Code {
    const { add, xor, rotated, shifted, constant } = this.#by;
    const name = (offset: number): string => `w${(index + offset) % 16}`;
    const key = constant(K[index] ?? 0n);
    if (index < 16) return add(this.get(name(0)), key);
    const [x, y] = [this.get(name(1)), this.get(name(14))];
    const s0 = xor(rotated(x, 1), rotated(x, 8), shifted(x, 7));
    const s1 = xor(rotated(y, 19), rotated(y, 61), shifted(y, 6));
    const next = add(this.get(name(0)), s0, this.get(name(9)), s1);
    return add([next, OP.localTee, unsignedLeb(this.#locals.indexOf(name(0)))], key);
  }
}
