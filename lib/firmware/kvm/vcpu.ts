import { KVM } from './ioctls.ts';

const bytesOf = (request: number): number => (request >>> 16) & 0x3fff;

/** The vCPU state that QEMU sets and gets as one block of bytes, by the pair of requests. */
const STATE_BLOCKS = [
  { name: 'regs', get: KVM.GET_REGS, set: KVM.SET_REGS },
  { name: 'sregs', get: KVM.GET_SREGS, set: KVM.SET_SREGS },
  { name: 'sregs2', get: KVM.GET_SREGS2, set: KVM.SET_SREGS2 },
  { name: 'fpu', get: KVM.GET_FPU, set: KVM.SET_FPU },
  { name: 'xsave', get: KVM.GET_XSAVE, set: KVM.SET_XSAVE },
  { name: 'xcrs', get: KVM.GET_XCRS, set: KVM.SET_XCRS },
  { name: 'debugregs', get: KVM.GET_DEBUGREGS, set: KVM.SET_DEBUGREGS },
  { name: 'events', get: KVM.GET_VCPU_EVENTS, set: KVM.SET_VCPU_EVENTS },
  { name: 'lapic', get: KVM.GET_LAPIC, set: KVM.SET_LAPIC },
  { name: 'mpState', get: KVM.GET_MP_STATE, set: KVM.SET_MP_STATE },
] as const;
export type StateBlock = (typeof STATE_BLOCKS)[number]['name'];

/** One vCPU: the state that QEMU really set through KVM, byte for byte. */
export class Vcpu {
  readonly id: number;
  readonly handle: number;
  readonly #blocks = new Map<StateBlock, Uint8Array>();
  readonly msrs = new Map<number, bigint>();
  /** kvm_cpuid2 entries as QEMU set them. */
  cpuid: Uint8Array = new Uint8Array();

  constructor(id: number, handle: number) {
    this.id = id;
    this.handle = handle;
  }

  /** The block that a request sets; undefined where the request sets none. */
  static setBlock(request: number): StateBlock | undefined {
    return STATE_BLOCKS.find((block) => block.set === request)?.name;
  }

  /** The block that a request gets. KVM_GET_XSAVE2 has another number for the same block. */
  static getBlock(request: number): StateBlock | undefined {
    return request === KVM.GET_XSAVE2 ? 'xsave' : STATE_BLOCKS.find((block) => block.get === request)?.name;
  }

  /** What QEMU set, or zeros. sregs2 and sregs share all that both have. */
  block(name: StateBlock): Uint8Array {
    const row = STATE_BLOCKS.find((block) => block.name === name);
    return this.#blocks.get(name) ?? new Uint8Array(row === undefined ? 0 : bytesOf(row.get));
  }

  keep(name: StateBlock, bytes: Uint8Array): void {
    // Not slice(): of a Buffer that is the same memory, and here it is the frame that the bytes came in.
    this.#blocks.set(name, Uint8Array.from(bytes));
  }

  has(name: StateBlock): boolean {
    return this.#blocks.has(name);
  }
}
