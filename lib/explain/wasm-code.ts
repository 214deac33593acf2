/** Numbers as WebAssembly writes them, LEB128. Source: WebAssembly Core Specification 1.0, 5.2.2. */
export function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const more = rest > 0x7f;
    bytes.push((rest & 0x7f) | (more ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return bytes;
}

/** A 64-bit constant, two's complement. */
export function signedLeb(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asIntN(64, value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(low | (done ? 0 : 0x80));
    if (done) return bytes;
  }
}

/** A piece of machine code, made of pieces: put in a row once, when all of it is there. */
export type Code = number | readonly Code[];

function inRow(code: Code, row: number[]): number[] {
  for (const part of typeof code === 'number' ? [code] : code) {
    if (typeof part === 'number') row.push(part);
    else inRow(part, row);
  }
  return row;
}

/** The opcodes that are used here. Source: WebAssembly Core Specification 1.0, 5.4. */
export const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  brIf: 0x0d,
  return: 0x0f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i64Load: 0x29,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eq: 0x46,
  i32LtU: 0x49,
  i32Eqz: 0x45,
  i64Eqz: 0x50,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Or: 0x72,
  i64Add: 0x7c,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64ShrU: 0x88,
  i64Rotr: 0x8a,
} as const;

/** Opcodes of two 64-bit numbers at once, which follow a prefix. Source: WebAssembly Core Specification 2.0, 5.4.8. */
const SIMD = {
  load: 0,
  load64Splat: 10,
  store: 11,
  constant: 12,
  extractLane: 29,
  and: 78,
  or: 80,
  xor: 81,
  shl: 203,
  shrU: 205,
  add: 206,
} as const;

/** One of these instructions, with what follows it. */
export function simd(op: keyof typeof SIMD, ...immediates: readonly Code[]): Code {
  return [0xfd, unsignedLeb(SIMD[op]), immediates];
}

/** Block type of a block that leaves nothing. */
export const NO_RESULT = 0x40;

const TYPE = { i32: 0x7f, i64: 0x7e, v128: 0x7b, function: 0x60 } as const;

function section(id: number, body: Uint8Array | readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([id, ...unsignedLeb(body.length)]), Buffer.from(body)]);
}

const name = (text: string): number[] => [text.length, ...Buffer.from(text, 'latin1')];

/** The one function of a module. Its parameters, and what it gives back, are 32-bit numbers. */
interface WasmFunction {
  readonly parameters: number;
  /** How many locals of each type follow the parameters, in this order. */
  readonly locals: readonly (readonly [count: number, type: Exclude<keyof typeof TYPE, 'function'>])[];
  /** Without its last `end`. */
  readonly code: Code;
}

/**
 * A module with one page of memory, `memory`, and one function, `run`.
 * Source: WebAssembly Core Specification 1.0, 5.5.
 */
export function wasmModule({ parameters, locals, code }: WasmFunction): Uint8Array {
  const groups = locals.flatMap(([count, type]) => [...unsignedLeb(count), TYPE[type]]);
  const body = Buffer.from(inRow([unsignedLeb(locals.length), groups, code, OP.end], []));
  const types = Array.from({ length: parameters }, () => TYPE.i32);
  return Buffer.concat([
    Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]),
    section(1, [1, TYPE.function, parameters, ...types, 1, TYPE.i32]),
    section(3, [1, 0]),
    section(5, [1, 0, 1]),
    section(7, [2, ...name('memory'), 0x02, 0, ...name('run'), 0x00, 0]),
    section(10, Buffer.concat([Buffer.from([1, ...unsignedLeb(body.length)]), body])),
  ]);
}
