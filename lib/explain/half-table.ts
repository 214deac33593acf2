import { HALF_BYTES } from './chain-walker.ts';

/** Not made yet, made, or cannot be launched. */
const STATE = { unknown: 0, known: 1, impossible: 2 } as const;

/** Second halves of launches by number, packed: there are tens of thousands of some. */
export class HalfTable {
  readonly #halves: Buffer;
  readonly #states: Uint8Array;

  constructor(length: number) {
    this.#halves = Buffer.alloc(length * HALF_BYTES);
    this.#states = new Uint8Array(length);
  }

  get bytes(): number {
    return this.#halves.length;
  }

  /** The half of a number, made in its place where it is asked for first. @param make says whether it can be launched */
  of(number: number, make: (half: Buffer) => boolean): Buffer | null {
    const half = this.#halves.subarray(number * HALF_BYTES, (number + 1) * HALF_BYTES);
    if (this.#states[number] === STATE.unknown) this.#states[number] = make(half) ? STATE.known : STATE.impossible;
    return this.#states[number] === STATE.known ? half : null;
  }
}
