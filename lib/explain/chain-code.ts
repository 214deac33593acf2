import {
  END_BIT,
  IV,
  joined,
  keyedSchedule,
  LETTERS,
  lengthBlock,
  Sha384Code,
  SINGLE,
  WORKING,
} from './sha384-code.ts';
import { type Code, NO_RESULT, OP, unsignedLeb, wasmModule } from './wasm-code.ts';

/** PAGE_INFO has 112 bytes, so the second block of its padded message is nothing but its length in bits. */
const SECOND_BLOCK = keyedSchedule(lengthBlock(112, 0n));
/** Bytes 0x60 to 0x67 of PAGE_INFO of a VMSA, as one big-endian word: length 0x70, page type 2. */
const LENGTH_AND_TYPE = 0x7000_0200_0000_0000n;

/** Where the module's memory has what; words are those of the message, so bytes are swapped in eights. */
export const CHAIN_MEMORY = { trunk: 0, boot: 48, application: 96, gpa: 144, target: 152, end: 200 } as const;

/** Local variables by name; the parameters come first. */
const PARAMETERS = ['last', 'free'] as const;
const DIGEST = Array.from({ length: 6 }, (_, index) => `s${index}`);
const STATE = [...DIGEST, 's6', 's7'];
const I64 = [...WORKING, ...STATE];
const NAMES: readonly string[] = [...PARAMETERS, ...I64, 'count'];

const sha384 = new Sha384Code(NAMES, SINGLE);
const get = (name: string): Code => sha384.get(name);
const set = (name: string, value: Code): Code => sha384.set(name, value);
const { constant, add, xor } = SINGLE;
const load = (at: number): Code => [OP.i32Const, 0, OP.i64Load, 3, unsignedLeb(at)];

/** One link: the digest in s0 to s5 becomes that after one more page, whose CONTENTS are at an address of the memory. */
function link(): Code {
  const first = LETTERS.map((letter, index) => set(letter, constant(IV[index] ?? 0n)));
  const message = [
    DIGEST.map((name, index) => set(`w${index}`, get(name))),
    contents(),
    set('w12', constant(LENGTH_AND_TYPE)),
    set('w13', load(CHAIN_MEMORY.gpa)),
    set('w14', constant(END_BIT)),
    set('w15', constant(0n)),
  ];
  const between = LETTERS.map((letter, index) => [
    set(letter, add(get(letter), constant(IV[index] ?? 0n))),
    set(`s${index}`, get(letter)),
  ]);
  const last = DIGEST.map((name, index) => set(name, add(get(name), get(LETTERS[index] ?? 'a'))));
  const second = (index: number): Code => constant(SECOND_BLOCK[index] ?? 0n);
  const rounds = [sha384.rounds((index) => sha384.scheduled(index)), between, sha384.rounds(second)];
  return [message, first, rounds, last];
}

/** CONTENTS of the page: those of vCPU 0 for the first, those of all others after it. */
function contents(): Code {
  const from = (at: number): Code =>
    Array.from({ length: 6 }, (_, index) => set(`w${6 + index}`, load(at + 8 * index)));
  const isFirst = [get('count'), OP.i32Const, 1, OP.i32Eq];
  return [isFirst, OP.if, NO_RESULT, from(CHAIN_MEMORY.boot), OP.else, from(CHAIN_MEMORY.application), OP.end];
}

/**
 * The machine code of a walk along the VMSAs of a launch. `run(last, free)` takes up to 512 vCPUs and gives back the count
 * at which the digest is the wanted one, where `free` is 0 only the last counts; 0: there is none.
 */
export function chainModule(): Uint8Array {
  const start = DIGEST.map((name, index) => set(name, load(CHAIN_MEMORY.trunk + 8 * index)));
  const step = set('count', [get('count'), OP.i32Const, 1, OP.i32Add]);
  const [first = [], ...others] = DIGEST.map((name, index) => xor(get(name), load(CHAIN_MEMORY.target + 8 * index)));
  const equal = [joined([OP.i64Or])(first, ...others), OP.i64Eqz];
  const counts = [get('free'), get('count'), get('last'), OP.i32Eq, OP.i32Or];
  const found = [equal, counts, OP.i32And, OP.if, NO_RESULT, get('count'), OP.return, OP.end];
  const again = [get('count'), get('last'), OP.i32LtU, OP.brIf, 0];
  const code = [start, OP.loop, NO_RESULT, step, link(), found, again, OP.end, OP.i32Const, 0];
  return wasmModule({
    parameters: PARAMETERS.length,
    locals: [
      [I64.length, 'i64'],
      [1, 'i32'],
    ],
    code,
  });
}
