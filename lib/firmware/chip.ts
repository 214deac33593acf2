import { createHash } from 'node:crypto';
import type { Platform } from './platform.ts';
import { makePlatform, type PlatformOptions, PRODUCT_TRAITS } from './products.ts';

/** A key that a cloud provider had loaded into a chip. */
export interface Vlek {
  /** Whose it is, as its certificate names it. */
  cspId: string;
  /** The key for a TCB: a P-384 secret of 48 bytes. */
  key: (tcb: bigint) => Uint8Array;
}

/** An emulated chip: its platform, and keys that no hardware ever held. */
export interface Chip {
  platform: Platform;
  /** The VCEK for a TCB: a P-384 secret of 48 bytes. Every TCB has another one. */
  vcek: (tcb: bigint) => Uint8Array;
  /** null: none is loaded. */
  vlek: Vlek | null;
}

function derived(use: string): Buffer {
  return createHash('sha512').update(`snp-conform emulated ${use}`).digest();
}

/** A P-384 secret that follows from what it is for and from a TCB. */
function keyFor(use: string): (tcb: bigint) => Uint8Array {
  return (tcb) => {
    const secret = derived(`${use}, TCB 0x${tcb.toString(16)}`).subarray(0, 48);
    secret[0] = 0; // keeps the secret below the order of P-384
    return secret;
  };
}

/** The chip of an emulated host: its identity and keys follow from the host's name, so that they last. */
export function emulatedChip(hostName: string, options: PlatformOptions = {}): Chip {
  const platform = makePlatform(options);
  const chipId = derived(`chip: ${hostName}`);
  chipId.fill(0, PRODUCT_TRAITS[platform.product].chipIdBytes);
  const { vlek } = options;
  return {
    platform: { ...platform, chipId },
    vcek: keyFor(`VCEK: ${hostName}`),
    vlek: vlek === undefined ? null : { cspId: vlek.cspId, key: keyFor(`VLEK of ${vlek.cspId}`) },
  };
}
