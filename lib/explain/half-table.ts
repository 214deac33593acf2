import { CHAIN_MEMORY } from './chain-code.ts';

/** Bytes of one second half as the walk has it. */
export const HALF_BYTES = CHAIN_MEMORY.target - CHAIN_MEMORY.boot;

/** Not made yet, made, or cannot be launched. */
type State = 'unknown' | 'known' | 'impossible';
const STATES: readonly State[] = ['unknown', 'known', 'impossible'];

/** Second halves of launches by number, packed: there are a hundred thousand of some. */
export class HalfTable {
  readonly #halves: Uint8Array;
  readonly #states: Uint8Array;

  constructor(length: number) {
    this.#halves = new Uint8Array(length * HALF_BYTES);
    this.#states = new Uint8Array(length);
  }

  get bytes(): number {
    return this.#halves.length;
  }

  /** The half of a number, made where it is asked for first. @param make null: it cannot be launched */
  of(number: number, make: () => Uint8Array | null): Uint8Array | null {
    if (STATES[this.#states[number] ?? 0] === 'unknown') {
      const made = make();
      if (made !== null) this.#halves.set(made, number * HALF_BYTES);
      this.#states[number] = STATES.indexOf(made === null ? 'impossible' : 'known');
    }
    if (STATES[this.#states[number] ?? 0] === 'impossible') return null;
    return this.#halves.subarray(number * HALF_BYTES, (number + 1) * HALF_BYTES);
  }
}
