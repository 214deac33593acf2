import type { Duplex } from 'node:stream';
import { HarnessError } from '../errors.ts';

/** Wire protocol of native/kvm-shim.c: frames of {u32 length, u8 operation, fields}, little-endian. */
const PROTOCOL_VERSION = 1;
const MAX_FRAME = 1 << 20;
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
  fetch: 18,
  store: 19,
  create: 20,
  return: 21,
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

/** The calling thread, as far as a device may reach into it while it waits for its answer. */
export interface Caller {
  /** Reads QEMU's memory. @throws HarnessError FIRMWARE_PROTOCOL when the address is not mapped there */
  peek(address: bigint, bytes: number): Promise<Uint8Array>;
  /** Writes QEMU's memory; a bad address makes the call fail with EFAULT. */
  poke(address: bigint, bytes: Uint8Array): void;
  /** Reads the memory behind a descriptor that this relay made. */
  fetch(handle: number, offset: number, bytes: number): Promise<Uint8Array>;
  /** Writes the memory behind a descriptor that this relay made. */
  store(handle: number, offset: number, bytes: Uint8Array): void;
  /**
   * Makes the call return a new descriptor of this handle, with `bytes` of memory behind it. The requests in `quiet` (64
   * at most) the shim answers with 0 by itself: QEMU moves interrupt lines thousands of times a launch.
   */
  create(handle: number, bytes: number, quiet: readonly number[]): void;
  /** Resolves when QEMU wants this thread back (a signal during KVM_RUN) or is gone. */
  readonly interrupted: Promise<void>;
}

/** An ioctl as QEMU made it. */
export interface Ioctl {
  handle: number;
  request: number;
  /** The third argument, a value or an address. */
  argument: bigint;
  /** The bytes at `argument` that the request number says are read; empty where it says none. */
  input: Uint8Array;
}

/** What answers for the relayed devices. */
export interface Devices {
  open(path: string, caller: Caller): Promise<Answer> | Answer;
  ioctl(call: Ioctl, caller: Caller): Promise<Answer> | Answer;
}

const protocolError = (what: string): HarnessError => new HarnessError({ code: 'FIRMWARE_PROTOCOL', what });

/** Splits a byte stream into frames; holds at most one frame. */
class Frames {
  #chunks: Buffer = Buffer.alloc(0);
  readonly #waiting: ((frame: Buffer | undefined) => void)[] = [];
  readonly #ready: Buffer[] = [];
  #ended = false;
  readonly #onInterrupt: () => void;

  /** @param onInterrupt called at once for an interruption, which may arrive while its call is still being served */
  constructor(stream: Duplex, onInterrupt: () => void) {
    this.#onInterrupt = onInterrupt;
    stream.on('data', (chunk: Buffer) => this.#push(chunk));
    for (const end of ['end', 'close', 'error'] as const) stream.on(end, () => this.#end());
  }

  #push(chunk: Buffer): void {
    this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
    while (this.#chunks.length >= 4) {
      const length = this.#chunks.readUInt32LE(0);
      if (length < 1 || length > MAX_FRAME) {
        this.#end();
        return;
      }
      if (this.#chunks.length < 4 + length) return;
      const frame = this.#chunks.subarray(4, 4 + length);
      this.#chunks = this.#chunks.subarray(4 + length);
      if (frame[0] === OP.interrupted) {
        this.#onInterrupt();
        continue;
      }
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#ready.push(frame);
      else waiter(frame);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#onInterrupt();
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
  readonly #stream: Duplex;
  readonly #frames: Frames;
  #interrupt: () => void = () => undefined;
  interrupted: Promise<void> = Promise.resolve();

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#frames = new Frames(stream, () => this.#interrupt());
  }

  #send(operation: number, fields: Buffer, bytes: Uint8Array = new Uint8Array()): void {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(1 + fields.length + bytes.length, 0);
    head.writeUInt8(operation, 4);
    this.#stream.write(Buffer.concat([head, fields, bytes]));
  }

  async #bytesFrame(bytes: number, what: string): Promise<Uint8Array> {
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

  fetch(handle: number, offset: number, bytes: number): Promise<Uint8Array> {
    const fields = Buffer.alloc(20);
    fields.writeUInt32LE(handle, 0);
    fields.writeBigUInt64LE(BigInt(offset), 4);
    fields.writeBigUInt64LE(BigInt(bytes), 12);
    this.#send(OP.fetch, fields);
    return this.#bytesFrame(bytes, `memory of handle ${handle}`);
  }

  store(handle: number, offset: number, bytes: Uint8Array): void {
    const fields = Buffer.alloc(12);
    fields.writeUInt32LE(handle, 0);
    fields.writeBigUInt64LE(BigInt(offset), 4);
    this.#send(OP.store, fields, bytes);
  }

  create(handle: number, bytes: number, quiet: readonly number[]): void {
    const fields = Buffer.alloc(12);
    fields.writeUInt32LE(handle, 0);
    fields.writeBigUInt64LE(BigInt(bytes), 4);
    this.#send(OP.create, fields, new Uint8Array(Uint32Array.from(quiet).buffer));
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
  }

  async #serve(devices: Devices, frame: Buffer): Promise<void> {
    this.interrupted = new Promise((resolve) => {
      this.#interrupt = resolve;
    });
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
