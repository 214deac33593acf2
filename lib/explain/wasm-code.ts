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
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eq: 0x46,
  i32LtU: 0x49,
  i64Eqz: 0x50,
  i32Add: 0x6a,
  i32And: 0x71,
  i32Or: 0x72,
  i64Add: 0x7c,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64ShrU: 0x88,
  i64Rotr: 0x8a,
} as const;

/** Block type of a block that leaves nothing. */
export const NO_RESULT = 0x40;

const TYPE = { i32: 0x7f, i64: 0x7e, function: 0x60 } as const;

const section = (id: number, body: readonly number[]): number[] => [id, ...unsignedLeb(body.length), ...body];
const name = (text: string): number[] => [text.length, ...Buffer.from(text, 'latin1')];

/**
 * A module with one page of memory, `memory`, and one function, `run`, of two 32-bit numbers that gives one back.
 * @param i64Locals and `i32Locals`: how many follow the two parameters, in this order   @param code without its last `end`
 * Source: WebAssembly Core Specification 1.0, 5.5.
 */
export function wasmModule(i64Locals: number, i32Locals: number, code: readonly number[]): Uint8Array {
  const locals = [2, ...unsignedLeb(i64Locals), TYPE.i64, ...unsignedLeb(i32Locals), TYPE.i32];
  const body = [...locals, ...code, OP.end];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, TYPE.function, 2, TYPE.i32, TYPE.i32, 1, TYPE.i32]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 0x02, 0, ...name('run'), 0x00, 0]),
    ...section(10, [1, ...unsignedLeb(body.length), ...body]),
  ]);
}
