import { CHAIN_MEMORY, chainModule } from './chain-code.ts';
import { instantiate } from './wasm-module.ts';

/** Bytes of SHA-384 words, turned round for a machine that reads numbers from their low end. */
function words(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes).swap64();
}

/** Bytes of a second half of a launch: CONTENTS of both pages and the address, as the walk's memory has them. */
export const HALF_BYTES = CHAIN_MEMORY.target - CHAIN_MEMORY.boot;

/** Where a second half has CONTENTS of the page of vCPU 0, and of that of all others. */
export const HALF_AT = { boot: 0, application: CHAIN_MEMORY.application - CHAIN_MEMORY.boot } as const;
const GPA_AT = CHAIN_MEMORY.gpa - CHAIN_MEMORY.boot;

/** Writes the address of every VMSA into a second half. PAGE_INFO has it from its low byte on; as a word that is the high one. */
export function setHalfGpa(half: Buffer, gpa: bigint): void {
  new DataView(half.buffer, half.byteOffset).setBigUint64(GPA_AT, gpa);
}

/**
 * Walks the VMSAs of launches and looks for one digest. SHA-384 is done by machine code of its own, since what is hashed is
 * 112 bytes: calling out for each costs more than twice the hash, and half of each padded message is always the same.
 */
export class ChainWalker {
  readonly #exports = instantiate(chainModule);
  readonly #memory = new Uint8Array(this.#exports.memory.buffer);

  /** Sets what is looked for. @param target 48 bytes */
  aim(target: Uint8Array): void {
    this.#memory.set(words(target), CHAIN_MEMORY.target);
  }

  /** Sets where walks begin. @param digest 48 bytes, before the first VMSA */
  begin(digest: Uint8Array): void {
    this.#memory.set(words(digest), CHAIN_MEMORY.trunk);
  }

  /** Is the digest that of exactly so many vCPUs? */
  matchesAt(half: Uint8Array, vcpus: number): boolean {
    this.#memory.set(half, CHAIN_MEMORY.boot);
    return this.#exports.run(vcpus, 0) !== 0;
  }

  /** The count of vCPUs, up to a last one, of which it is the digest; 0: there is none. */
  countOf(half: Uint8Array, last: number): number {
    this.#memory.set(half, CHAIN_MEMORY.boot);
    return this.#exports.run(last, 1);
  }
}
