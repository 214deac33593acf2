import type { Duplex } from 'node:stream';
import { HarnessError } from '../errors.ts';

/** Wire protocol of native/wire.h: frames of {u32 length, u8 operation, fields}, little-endian. */
const PROTOCOL_VERSION = 2;
const MAX_FRAME = 1 << 20;
const LENGTH_BYTES = 4;
/** A PEEK answer must fit one frame. */
const PEEK_CHUNK = 512 * 1024;

const OP = {
  hello: 1,
  open: 2,
  ioctl: 3,
  interrupted: 4,
  bytes: 5,
  peek: 16,
  poke: 17,
  store: 18,
  create: 19,
  return: 20,
  later: 21,
  answers: 22,
} as const;

/** errno values of Linux that the emulated devices answer with. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  E2BIG: 7,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  ENOTTY: 25,
} as const;

/** What an open or ioctl returns to QEMU: a result, or -1 with an errno. */
export type Answer = { result: number } | { errno: number };

/** A descriptor that the shim makes for a device. */
export interface Descriptor {
  /** Memory behind it, for mmap. */
  bytes: number;
  /** Requests that the shim answers with 0 by itself, 64 at most: QEMU moves interrupt lines thousands of times a launch. */
  quiet: readonly number[];
  /** A range of its memory that comes along as the input of KVM_RUN, before the count of what was not stored; none: bytes 0. */
  along: { offset: number; bytes: number };
  /** A request whose result follows from its argument alone; it is 0 for an argument that is not named. */
  answers?: { request: number; results: ReadonlyMap<number, number> };
}

/** What the shim stores into the memory of a vCPU in a later KVM_RUN, without asking. */
export interface Later {
  /** Only if a byte of that memory is as expected then; else this and all that is kept after it is given up. */
  check: { offset: number; mask: number; value: number };
  stores: readonly { offset: number; bytes: Uint8Array }[];
}

/** How many a vCPU can have at once. Source: native/devices.h, MAX_LATER. */
export const LATER_MAX = 4096;

/** The calling thread, as far as a device may reach into it while it waits for its answer. */
export interface Caller {
  /** Reads QEMU's memory. @throws HarnessError FIRMWARE_PROTOCOL when the address is not mapped there */
  peek(address: bigint, bytes: number): Promise<Uint8Array>;
  /** Writes QEMU's memory; a bad address makes the call fail with EFAULT. */
  poke(address: bigint, bytes: Uint8Array): void;
  /** Writes the memory behind a descriptor that this relay made. */
  store(handle: number, offset: number, bytes: Uint8Array): void;
  /** Keeps what one of the next KVM_RUNs of a vCPU is to store, in their order. */
  later(handle: number, later: Later): void;
  /** Makes the call return a new descriptor of this handle. */
  create(handle: number, descriptor: Descriptor): void;
  /** Resolves when QEMU wants this thread back (a signal during KVM_RUN) or is gone. */
  readonly interrupted: Promise<void>;
}

/** An ioctl as QEMU made it. */
export interface Ioctl {
  handle: number;
  request: number;
  /** The third argument, a value or an address. */
  argument: bigint;
  /** The bytes at `argument` that the request number says are read; of KVM_RUN, what comes along; else empty. */
  input: Uint8Array;
}

/** What answers for the relayed devices. */
export interface Devices {
  open(path: string, caller: Caller): Promise<Answer> | Answer;
  ioctl(call: Ioctl, caller: Caller): Promise<Answer> | Answer;
}

const protocolError = (what: string): HarnessError => new HarnessError({ code: 'FIRMWARE_PROTOCOL', what });

/** Splits a byte stream into frames; holds at most one unfinished frame. */
class Frames {
  /** What has arrived of the unfinished frame, its length field included. */
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  readonly #waiting: ((frame: Buffer | undefined) => void)[] = [];
  readonly #ready: Buffer[] = [];
  #ended = false;
  /** Opens and ioctls so far. */
  #calls = 0;
  readonly #onInterrupt: (call: number) => void;

  /**
   * @param onInterrupt called at once with the number of the call that an interruption is for, the first is 1: it may come
   * while that call is being served, and together with it. At the end of the stream the last call is interrupted.
   */
  constructor(stream: Duplex, onInterrupt: (call: number) => void) {
    this.#onInterrupt = onInterrupt;
    stream.on('data', (chunk: Uint8Array) => this.#push(chunk));
    for (const end of ['end', 'close', 'error'] as const) stream.on(end, () => this.#end());
  }

  /** Bytes that the unfinished frame has in all; undefined until its length field is there. */
  #wanted(): number | undefined {
    if (this.#partialBytes < LENGTH_BYTES) return undefined;
    const [first] = this.#partial;
    if (first === undefined || first.length < LENGTH_BYTES) this.#partial = [Buffer.concat(this.#partial)];
    const head = this.#partial[0] ?? new Uint8Array(LENGTH_BYTES);
    return LENGTH_BYTES + new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  }

  #push(chunk: Uint8Array): void {
    if (this.#ended) return;
    // A forwarded stream may use the memory of its chunks again: what is kept is copied.
    this.#partial.push(Buffer.from(chunk));
    this.#partialBytes += chunk.length;
    for (let wanted = this.#wanted(); wanted !== undefined && !this.#ended; wanted = this.#wanted()) {
      if (wanted <= LENGTH_BYTES || wanted > LENGTH_BYTES + MAX_FRAME) {
        this.#end();
        return;
      }
      if (this.#partialBytes < wanted) return;
      const all = Buffer.concat(this.#partial);
      this.#partial = [all.subarray(wanted)];
      this.#partialBytes = all.length - wanted;
      this.#deliver(all.subarray(LENGTH_BYTES, wanted));
    }
  }

  #deliver(frame: Buffer): void {
    if (frame[0] === OP.interrupted) {
      this.#onInterrupt(this.#calls);
      return;
    }
    if (frame[0] === OP.open || frame[0] === OP.ioctl) this.#calls += 1;
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#ready.push(frame);
    else waiter(frame);
  }

  #end(): void {
    this.#ended = true;
    this.#onInterrupt(this.#calls);
    for (const waiter of this.#waiting.splice(0)) waiter(undefined);
  }

  /** The next frame; undefined when the stream is at its end. */
  next(): Promise<Buffer | undefined> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** One thread of QEMU: its calls are served one after the other. */
class Thread implements Caller {
  #outgoing: Uint8Array[] = [];
  readonly #stream: Duplex;
  readonly #frames: Frames;
  /** The number of the call being served, the first is 1. */
  #serving = 0;
  /** The highest call that was interrupted. */
  #interruptedCall = 0;
  #interrupt: () => void = () => undefined;
  interrupted: Promise<void> = Promise.resolve();

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#frames = new Frames(stream, (call) => {
      this.#interruptedCall = call;
      this.#interrupt();
    });
  }

  /** Frames wait for the one that QEMU answers or that ends its call: over SSH each write is a packet. */
  #send(operation: number, fields: Buffer, bytes: Uint8Array = new Uint8Array()): void {
    const head = Buffer.alloc(LENGTH_BYTES + 1);
    head.writeUInt32LE(1 + fields.length + bytes.length, 0);
    head.writeUInt8(operation, LENGTH_BYTES);
    this.#outgoing.push(head, fields, bytes);
  }

  #flush(): void {
    this.#stream.write(Buffer.concat(this.#outgoing));
    this.#outgoing = [];
  }

  async #bytesFrame(bytes: number, what: string): Promise<Uint8Array> {
    this.#flush();
    const frame = await this.#frames.next();
    if (frame === undefined) throw protocolError('QEMU is gone');
    if (frame[0] !== OP.bytes || frame.length < 5) throw protocolError(`expected bytes, got operation ${frame[0]}`);
    const errno = frame.readInt32LE(1);
    if (errno !== 0) throw protocolError(`${what} cannot be read (errno ${errno})`);
    if (frame.length !== 5 + bytes) throw protocolError(`expected ${bytes} bytes, got ${frame.length - 5}`);
    return frame.subarray(5);
  }

  async peek(address: bigint, bytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let done = 0; done < bytes; done += PEEK_CHUNK) {
      const part = Math.min(PEEK_CHUNK, bytes - done);
      const fields = Buffer.alloc(16);
      fields.writeBigUInt64LE(address + BigInt(done), 0);
      fields.writeBigUInt64LE(BigInt(part), 8);
      this.#send(OP.peek, fields);
      parts.push(await this.#bytesFrame(part, `address 0x${address.toString(16)}`));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  poke(address: bigint, bytes: Uint8Array): void {
    const fields = Buffer.alloc(8);
    fields.writeBigUInt64LE(address, 0);
    this.#send(OP.poke, fields, bytes);
  }

  store(handle: number, offset: number, bytes: Uint8Array): void {
    const fields = Buffer.alloc(12);
    fields.writeUInt32LE(handle, 0);
    fields.writeBigUInt64LE(BigInt(offset), 4);
    this.#send(OP.store, fields, bytes);
  }

  later(handle: number, { check, stores }: Later): void {
    const fields = Buffer.alloc(10);
    fields.writeUInt32LE(handle, 0);
    fields.writeUInt32LE(check.offset, 4);
    fields.writeUInt8(check.mask, 8);
    fields.writeUInt8(check.value, 9);
    const parts = stores.flatMap(({ offset, bytes }) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(offset, 0);
      head.writeUInt32LE(bytes.length, 4);
      return [head, bytes];
    });
    this.#send(OP.later, fields, Buffer.concat(parts));
  }

  create(handle: number, { bytes, quiet, along, answers }: Descriptor): void {
    const fields = Buffer.alloc(20);
    fields.writeUInt32LE(handle, 0);
    fields.writeBigUInt64LE(BigInt(bytes), 4);
    fields.writeUInt32LE(along.offset, 12);
    fields.writeUInt32LE(along.bytes, 16);
    this.#send(OP.create, fields, new Uint8Array(Uint32Array.from(quiet).buffer));
    if (answers === undefined) return;
    const rows = [...answers.results].flat();
    const named = Buffer.alloc(8);
    named.writeUInt32LE(handle, 0);
    named.writeUInt32LE(answers.request, 4);
    this.#send(OP.answers, named, new Uint8Array(Uint32Array.from(rows).buffer));
  }

  #answer(answer: Answer): void {
    const fields = Buffer.alloc(12);
    if ('errno' in answer) {
      fields.writeBigInt64LE(-1n, 0);
      fields.writeInt32LE(answer.errno, 8);
    } else {
      fields.writeBigInt64LE(BigInt(answer.result), 0);
    }
    this.#send(OP.return, fields);
    this.#flush();
  }

  async #serve(devices: Devices, frame: Buffer): Promise<void> {
    this.#serving += 1;
    this.interrupted = new Promise((resolve) => {
      this.#interrupt = resolve;
    });
    if (this.#interruptedCall >= this.#serving) this.#interrupt();
    if (frame[0] === OP.open) {
      this.#answer(await devices.open(frame.subarray(1).toString('utf8'), this));
      return;
    }
    if (frame[0] !== OP.ioctl || frame.length < 21) throw protocolError(`unexpected operation ${frame[0]}`);
    const call: Ioctl = {
      handle: frame.readUInt32LE(1),
      request: Number(frame.readBigUInt64LE(5) & 0xffff_ffffn),
      argument: frame.readBigUInt64LE(13),
      input: frame.subarray(21),
    };
    this.#answer(await devices.ioctl(call, this));
  }

  async run(devices: Devices): Promise<void> {
    const hello = await this.#frames.next();
    if (hello === undefined) return;
    if (hello[0] !== OP.hello || hello.length !== 13 || hello.readUInt32LE(1) !== PROTOCOL_VERSION) {
      throw protocolError('the KVM shim speaks another protocol version; rebuild it with: npm run build:native');
    }
    for (;;) {
      const frame = await this.#frames.next();
      if (frame === undefined) return;
      await this.#serve(devices, frame);
    }
  }
}

/**
 * Serves one connection of the shim (one thread of QEMU) until it closes.
 * @throws HarnessError FIRMWARE_PROTOCOL when the other end does not keep to the protocol
 */
export async function serveThread(stream: Duplex, devices: Devices): Promise<void> {
  try {
    await new Thread(stream).run(devices);
  } finally {
    stream.destroy();
  }
}
