import type { Caller } from '../relay.ts';
import { type Answer, ERRNO } from '../relay.ts';

/** Offsets into struct kvm_run. Source: Linux include/uapi/linux/kvm.h. */
const EXIT_REASON = 8;
const EXIT_UNION = 32;
/** Where the bytes of a port access stand: the second page of the kvm_run area, as in Linux. */
const PIO_DATA = 4096;
/** What every KVM_RUN brings along: what QEMU put there for a port read. */
export const RUN_ALONG = { offset: PIO_DATA, bytes: 16 };
/** Bytes of the kvm_run area: kvm_run, port data, coalesced ring. */
export const RUN_AREA_BYTES = 3 * 4096;

const EXIT = { IO: 2, SYSTEM_EVENT: 24 } as const;
const DIRECTION = { in: 0, out: 1 } as const;
const SYSTEM_EVENT_SHUTDOWN = 1;

/** One of a sequence of port accesses; a read says what the byte must be for the next to follow. */
export type Access =
  | { kind: 'in'; port: number; expected: { mask: number; value: number } }
  | { kind: 'out'; port: number; bytes: Uint8Array };

type Exit =
  | { kind: 'in'; port: number; count: number; answer: (bytes: Uint8Array) => void }
  | { kind: 'out'; port: number; bytes: Uint8Array; answer: () => void }
  | { kind: 'sequence'; accesses: readonly Access[]; answer: (done: number) => void }
  | { kind: 'shutdown' };

interface Store {
  offset: number;
  bytes: Uint8Array;
}

/** What struct kvm_run says of an exit. Source: Linux include/uapi/linux/kvm.h. */
function exitHead(reason: number, fill: (union: DataView) => void): Store {
  const head = new Uint8Array(EXIT_UNION + 16 - EXIT_REASON);
  new DataView(head.buffer).setUint32(0, reason, true);
  fill(new DataView(head.buffer, EXIT_UNION - EXIT_REASON));
  return { offset: EXIT_REASON, bytes: head };
}

function portStores(kind: 'in' | 'out', port: number, count: number, bytes?: Uint8Array): Store[] {
  const head = exitHead(EXIT.IO, (union) => {
    union.setUint8(0, DIRECTION[kind]);
    union.setUint8(1, 1); // bytes an access
    union.setUint16(2, port, true);
    union.setUint32(4, count, true);
    union.setBigUint64(8, BigInt(PIO_DATA), true);
  });
  return bytes === undefined ? [head] : [head, { offset: PIO_DATA, bytes }];
}

const accessStores = (access: Access): Store[] =>
  access.kind === 'out'
    ? portStores('out', access.port, access.bytes.length, access.bytes)
    : portStores('in', access.port, 1);

const SHUTDOWN_STORES: readonly Store[] = [
  exitHead(EXIT.SYSTEM_EVENT, (union) => union.setUint32(0, SYSTEM_EVENT_SHUTDOWN, true)),
];

/** After a write nothing is to be seen. */
const checkAfter = (access: Access | undefined) =>
  access?.kind === 'in' ? { offset: PIO_DATA, ...access.expected } : { offset: PIO_DATA, mask: 0, value: 0 };

/**
 * The exits of one vCPU: the guest's side asks for port accesses, QEMU's side takes them by KVM_RUN. What the guest does
 * between two exits takes no time on the vCPU.
 */
export class VcpuExits {
  #next: Exit | undefined;
  #arrived: () => void = () => undefined;
  #waiting: Promise<void> = Promise.resolve();
  /** The exit that QEMU is working on; the next KVM_RUN says that it is done. */
  #open: Exit | undefined;

  constructor() {
    this.#arm();
  }

  #arm(): void {
    this.#waiting = new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }

  #ask(exit: Exit): void {
    this.#next = exit;
    this.#arrived();
  }

  /** Reads one byte from a port. */
  async in(port: number): Promise<number> {
    const [byte = 0] = await this.inString(port, 1);
    return byte;
  }

  /** Reads bytes from one port, as a string instruction does. @param count 1 to RUN_ALONG.bytes */
  inString(port: number, count: number): Promise<Uint8Array> {
    return new Promise((answer) => this.#ask({ kind: 'in', port, count, answer }));
  }

  /** Writes bytes to one port, as a string instruction does. */
  out(port: number, bytes: Uint8Array): Promise<void> {
    return new Promise((answer) => this.#ask({ kind: 'out', port, bytes, answer }));
  }

  /**
   * Port accesses one after the other, of which the shim performs all but the first without asking.
   * @param accesses 1 to LATER_MAX   @returns how many were made: fewer where a byte that was read was not the expected one
   */
  sequence(accesses: readonly Access[]): Promise<number> {
    return new Promise((answer) => this.#ask({ kind: 'sequence', accesses, answer }));
  }

  /** Powers the guest off. */
  shutdown(): void {
    this.#ask({ kind: 'shutdown' });
  }

  #complete(portData: Uint8Array): void {
    const open = this.#open;
    this.#open = undefined;
    if (open?.kind === 'out') open.answer();
    if (open?.kind === 'in') open.answer(Uint8Array.from(portData.subarray(0, open.count)));
    if (open?.kind === 'sequence') open.answer(open.accesses.length - givenUp(portData));
  }

  #store(exit: Exit, handle: number, caller: Caller): void {
    const put = (stores: readonly Store[]): void => {
      for (const { offset, bytes } of stores) caller.store(handle, offset, bytes);
    };
    if (exit.kind === 'shutdown') put(SHUTDOWN_STORES);
    if (exit.kind === 'in') put(portStores('in', exit.port, exit.count));
    if (exit.kind === 'out') put(portStores('out', exit.port, exit.bytes.length, exit.bytes));
    if (exit.kind !== 'sequence') return;
    for (const [at, access] of exit.accesses.entries()) {
      const stores = accessStores(access);
      if (at === 0) put(stores);
      else caller.later(handle, { check: checkAfter(exit.accesses[at - 1]), stores });
    }
  }

  /**
   * KVM_RUN: returns at the guest's next exit, or with EINTR when QEMU wants the thread back.
   * @param portData RUN_ALONG of this call, then how many stores were given up
   */
  async run(handle: number, portData: Uint8Array, caller: Caller): Promise<Answer> {
    this.#complete(portData);
    if (this.#next === undefined) {
      const interrupted = await Promise.race([this.#waiting.then(() => false), caller.interrupted.then(() => true)]);
      if (interrupted && this.#next === undefined) return { errno: ERRNO.EINTR };
    }
    const exit = this.#next;
    if (exit === undefined) return { errno: ERRNO.EINTR };
    this.#next = undefined;
    this.#arm();
    this.#open = exit;
    this.#store(exit, handle, caller);
    return { result: 0 };
  }
}

function givenUp(portData: Uint8Array): number {
  return new DataView(portData.buffer, portData.byteOffset).getUint32(RUN_ALONG.bytes, true);
}
