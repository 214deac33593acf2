import { HarnessError } from '../errors.ts';
import { CHAIN_MEMORY, chainModule } from './chain-code.ts';

/** What a compiled walk offers. */
interface ChainExports {
  memory: { buffer: ArrayBuffer };
  run(last: number, free: number): number;
}

/** The part of WebAssembly that is used; the types of Node do not have it. Source: WebAssembly JavaScript Interface 1.0. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
}

function hasExports(candidate: object): candidate is ChainExports {
  return 'memory' in candidate && 'run' in candidate;
}

let compiled: object | undefined;

function instantiate(): ChainExports {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  compiled ??= new WebAssembly.Module(chainModule());
  const { exports } = new WebAssembly.Instance(compiled);
  if (hasExports(exports)) return exports;
  throw new HarnessError({ code: 'INTERNAL', what: 'the walk along VMSAs was compiled to something else' });
}

/** Bytes of SHA-384 words, turned round for a machine that reads numbers from their low end. */
function words(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes).swap64();
}

/**
 * The second half of a launch, ready to be walked: CONTENTS of both pages and the address, as the walk's memory has them.
 * @param contents 48 bytes each; no `application` where there is one vCPU   @param gpa of every VMSA
 */
export function chainHalf(boot: Uint8Array, application: Uint8Array | null, gpa: bigint): Uint8Array {
  const bytes = new Uint8Array(CHAIN_MEMORY.target - CHAIN_MEMORY.boot);
  bytes.set(words(boot), 0);
  if (application !== null) bytes.set(words(application), CHAIN_MEMORY.application - CHAIN_MEMORY.boot);
  const address = Buffer.alloc(8);
  // PAGE_INFO has the address from its low byte on; as a word of the message that is the high one.
  address.writeBigUInt64BE(gpa);
  bytes.set(address, CHAIN_MEMORY.gpa - CHAIN_MEMORY.boot);
  return bytes;
}

/**
 * Walks the VMSAs of launches and looks for one digest. SHA-384 is done by machine code of its own, since what is hashed is
 * 112 bytes: calling out for each costs more than twice the hash, and half of each padded message is always the same.
 */
export class ChainWalker {
  readonly #exports = instantiate();
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
