import { NO_RESULT, OP, signedLeb, unsignedLeb, wasmModule } from './wasm-code.ts';

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
const K = primes(80).map((prime) => U64(root(prime << 192n, 3n)));
/** The initial hash value of SHA-384: of square roots of the ninth to sixteenth prime. Source: FIPS 180-4, 5.3.4. */
const IV = primes(16)
  .slice(8)
  .map((prime) => U64(root(prime << 128n, 2n)));

const rotr = (value: bigint, bits: bigint): bigint => U64((value >> bits) | (value << (64n - bits)));

/** The message schedule of a block that is known beforehand. Source: FIPS 180-4, 6.4.2. */
function schedule(block: readonly bigint[]): bigint[] {
  const words = [...block];
  const at = (index: number): bigint => words[index] ?? 0n;
  for (let index = 16; index < 80; index += 1) {
    const [x, y] = [at(index - 15), at(index - 2)];
    const s0 = rotr(x, 1n) ^ rotr(x, 8n) ^ (x >> 7n);
    const s1 = rotr(y, 19n) ^ rotr(y, 61n) ^ (y >> 6n);
    words.push(U64(s1 + at(index - 7) + s0 + at(index - 16)));
  }
  return words;
}

/** PAGE_INFO has 112 bytes, so the second block of its padded message is nothing but its length in bits. */
const SECOND_BLOCK = schedule([...Array<bigint>(15).fill(0n), 112n * 8n]);
/** Bytes 0x60 to 0x67 of PAGE_INFO of a VMSA, as one big-endian word: length 0x70, page type 2. */
const LENGTH_AND_TYPE = 0x7000_0200_0000_0000n;
/** The one bit that ends the message. */
const END_BIT = 1n << 63n;

/** Where the module's memory has what; words are those of the message, so bytes are swapped in eights. */
export const CHAIN_MEMORY = { trunk: 0, boot: 48, application: 96, gpa: 144, target: 152, end: 200 } as const;

/** Local variables by name; the parameters come first. */
const PARAMETERS = ['last', 'free'] as const;
const I64 = [
  ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
  ...Array.from({ length: 16 }, (_, index) => `w${index}`),
  ...Array.from({ length: 8 }, (_, index) => `s${index}`),
  't',
];
const NAMES: readonly string[] = [...PARAMETERS, ...I64, 'count'];

type Code = readonly number[];
const local = (op: number, name: string): Code => [op, ...unsignedLeb(NAMES.indexOf(name))];
const get = (name: string): Code => local(OP.localGet, name);
const set = (name: string, value: Code): Code => [...value, ...local(OP.localSet, name)];
const constant = (value: bigint): Code => [OP.i64Const, ...signedLeb(value)];
const load = (at: number): Code => [OP.i32Const, 0, OP.i64Load, 3, ...unsignedLeb(at)];
const both = (op: number, left: Code, right: Code): Code => [...left, ...right, op];
const add = (...parts: readonly Code[]): Code => parts.reduce((sum, part) => both(OP.i64Add, sum, part));
const xor = (...parts: readonly Code[]): Code => parts.reduce((sum, part) => both(OP.i64Xor, sum, part));
const and = (left: Code, right: Code): Code => both(OP.i64And, left, right);
const rotated = (name: string, bits: number): Code => both(OP.i64Rotr, get(name), constant(BigInt(bits)));
const shifted = (name: string, bits: number): Code => both(OP.i64ShrU, get(name), constant(BigInt(bits)));

/** One round. @param names of a to h as they stand in it   @param word W plus K. Source: FIPS 180-4, 6.4.2. */
function round(names: readonly string[], word: Code): Code {
  const [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = ''] = names;
  const sum1 = xor(rotated(e, 14), rotated(e, 18), rotated(e, 41));
  const choice = xor(get(g), and(get(e), xor(get(f), get(g))));
  const sum0 = xor(rotated(a, 28), rotated(a, 34), rotated(a, 39));
  const majority = xor(and(get(a), get(b)), and(get(c), xor(get(a), get(b))));
  return [
    ...set('t', add(get(h), sum1, choice, word)),
    ...set(d, add(get(d), get('t'))),
    ...set(h, add(get('t'), sum0, majority)),
  ];
}

/** All rounds over a state that stands in a to h; afterwards it stands there again, for 80 is a multiple of 8. */
function rounds(word: (index: number) => Code): Code {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  return Array.from({ length: 80 }, (_, index) => {
    const code = round(names, word(index));
    names.unshift(names.pop() ?? '');
    return code;
  }).flat();
}

/** The word of a round of the first block: from the message, then from its schedule, which is kept in sixteen places. */
function firstBlockWord(index: number): Code {
  const name = (offset: number): string => `w${(index + offset) % 16}`;
  const keyed = add(get(name(0)), constant(K[index] ?? 0n));
  if (index < 16) return keyed;
  const [x, y] = [name(1), name(14)];
  const s0 = xor(rotated(x, 1), rotated(x, 8), shifted(x, 7));
  const s1 = xor(rotated(y, 19), rotated(y, 61), shifted(y, 6));
  const next = [...add(get(name(0)), s0, get(name(9)), s1), ...local(OP.localTee, name(0))];
  return add(next, constant(K[index] ?? 0n));
}

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

/** One link: the digest in s0 to s5 becomes that after one more page, whose CONTENTS are at an address of the memory. */
function link(): Code {
  const first = LETTERS.flatMap((letter, index) => set(letter, constant(IV[index] ?? 0n)));
  const message = [
    ...Array.from({ length: 6 }, (_, index) => set(`w${index}`, get(`s${index}`))).flat(),
    ...contents(),
    ...set('w12', constant(LENGTH_AND_TYPE)),
    ...set('w13', load(CHAIN_MEMORY.gpa)),
    ...set('w14', constant(END_BIT)),
    ...set('w15', constant(0n)),
  ];
  const between = LETTERS.flatMap((letter, index) => [
    ...set(letter, add(get(letter), constant(IV[index] ?? 0n))),
    ...set(`s${index}`, get(letter)),
  ]);
  const last = LETTERS.slice(0, 6).flatMap((letter, index) => set(`s${index}`, add(get(`s${index}`), get(letter))));
  const second = (index: number): Code => constant(U64((K[index] ?? 0n) + (SECOND_BLOCK[index] ?? 0n)));
  return [...message, ...first, ...rounds(firstBlockWord), ...between, ...rounds(second), ...last];
}

/** CONTENTS of the page: those of vCPU 0 for the first, those of all others after it. */
function contents(): Code {
  const from = (at: number): Code =>
    Array.from({ length: 6 }, (_, index) => set(`w${6 + index}`, load(at + 8 * index))).flat();
  const isFirst = [...get('count'), OP.i32Const, 1, OP.i32Eq];
  return [...isFirst, OP.if, NO_RESULT, ...from(CHAIN_MEMORY.boot), OP.else, ...from(CHAIN_MEMORY.application), OP.end];
}

/**
 * The machine code of a walk along the VMSAs of a launch. `run(last, free)` takes up to 512 vCPUs and gives back the count
 * at which the digest is the wanted one, where `free` is 0 only the last counts; 0: there is none.
 */
export function chainModule(): Uint8Array {
  const start = Array.from({ length: 6 }, (_, index) => set(`s${index}`, load(CHAIN_MEMORY.trunk + 8 * index))).flat();
  const step = [...get('count'), OP.i32Const, 1, OP.i32Add, ...local(OP.localSet, 'count')];
  const equal = Array.from({ length: 6 }, (_, index) => xor(get(`s${index}`), load(CHAIN_MEMORY.target + 8 * index)))
    .reduce((all, one) => both(OP.i64Or, all, one))
    .concat(OP.i64Eqz);
  const counts = [...get('free'), ...get('count'), ...get('last'), OP.i32Eq, OP.i32Or];
  const found = [...equal, ...counts, OP.i32And, OP.if, NO_RESULT, ...get('count'), OP.return, OP.end];
  const again = [...get('count'), ...get('last'), OP.i32LtU, OP.brIf, 0];
  const code = [...start, OP.loop, NO_RESULT, ...step, ...link(), ...found, ...again, OP.end, OP.i32Const, 0];
  return wasmModule(I64.length, 1, code);
}
