import type { Caller } from '../relay.ts';
import { type Answer, ERRNO } from '../relay.ts';

/** Offsets into struct kvm_run. Source: Linux include/uapi/linux/kvm.h. */
const EXIT_REASON = 8;
const EXIT_UNION = 32;
/** Where the bytes of a port access stand: the second page of the kvm_run area, as in Linux. */
const PIO_DATA = 4096;
/** What every KVM_RUN brings along: what QEMU put there for a port read. */
export const RUN_ALONG = { offset: PIO_DATA, bytes: 8 };
/** Bytes of the kvm_run area: kvm_run, port data, coalesced ring. */
export const RUN_AREA_BYTES = 3 * 4096;

const EXIT = { IO: 2, SYSTEM_EVENT: 24 } as const;
const DIRECTION = { in: 0, out: 1 } as const;
const SYSTEM_EVENT_SHUTDOWN = 1;

type Exit =
  | { kind: 'in'; port: number; count: number; answer: (bytes: Uint8Array) => void }
  | { kind: 'out'; port: number; bytes: Uint8Array; answer: () => void }
  | { kind: 'shutdown' };

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

  /** Powers the guest off. */
  shutdown(): void {
    this.#ask({ kind: 'shutdown' });
  }

  #complete(portData: Uint8Array): void {
    const open = this.#open;
    this.#open = undefined;
    if (open?.kind === 'out') open.answer();
    if (open?.kind === 'in') open.answer(Uint8Array.from(portData.subarray(0, open.count)));
  }

  #store(exit: Exit, handle: number, caller: Caller): void {
    const head = Buffer.alloc(EXIT_UNION + 16 - EXIT_REASON);
    head.writeUInt32LE(exit.kind === 'shutdown' ? EXIT.SYSTEM_EVENT : EXIT.IO, 0);
    const union = EXIT_UNION - EXIT_REASON;
    if (exit.kind === 'shutdown') {
      head.writeUInt32LE(SYSTEM_EVENT_SHUTDOWN, union);
    } else {
      head.writeUInt8(DIRECTION[exit.kind], union);
      head.writeUInt8(1, union + 1); // bytes an access
      head.writeUInt16LE(exit.port, union + 2);
      head.writeUInt32LE(exit.kind === 'out' ? exit.bytes.length : exit.count, union + 4);
      head.writeBigUInt64LE(BigInt(PIO_DATA), union + 8);
    }
    caller.store(handle, EXIT_REASON, head);
    if (exit.kind === 'out') caller.store(handle, PIO_DATA, exit.bytes);
  }

  /**
   * KVM_RUN: returns at the guest's next exit, or with EINTR when QEMU wants the thread back.
   * @param portData RUN_ALONG of this call
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
