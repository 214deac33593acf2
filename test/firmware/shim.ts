import { Duplex } from 'node:stream';
import { type Devices, serveThread } from '../../lib/firmware/relay.ts';

/** Operations of the wire protocol. Source: native/wire.h. */
export const OP = {
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

/** A frame as the shim writes it. @param length what its length field says, if not the truth */
export function frame(operation: number, fields: Uint8Array = new Uint8Array(), length = 1 + fields.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(length, 0);
  head.writeUInt8(operation, 4);
  return Buffer.concat([head, fields]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

export const hello = (version = 2): Buffer => frame(OP.hello, Buffer.concat([u32(version), u32(1234), u32(1235)]));
export const open = (path: string): Buffer => frame(OP.open, Buffer.from(path));
export const interrupted = (): Buffer => frame(OP.interrupted);
export const bytes = (contents: Uint8Array, errno = 0): Buffer =>
  frame(OP.bytes, Buffer.concat([u32(errno), contents]));
export function ioctl(handle: number, request: number, argument = 0n, input: Uint8Array = new Uint8Array()): Buffer {
  return frame(OP.ioctl, Buffer.concat([u32(handle), u64(BigInt(request)), u64(argument), input]));
}

/** One frame that came back. */
export interface Reply {
  operation: number;
  fields: Buffer;
}

/** What a RETURN frame says: a result, or an errno. */
export function returned(reply: Reply | undefined): { result: number } | { errno: number } | undefined {
  if (reply?.operation !== OP.return) return undefined;
  const result = Number(reply.fields.readBigInt64LE(0));
  return result === -1 ? { errno: reply.fields.readInt32LE(8) } : { result };
}

/** The other end of a connection: the shim in one thread of QEMU, in memory. */
export class FakeShim {
  readonly replies: Reply[] = [];
  /** How the service of the connection ended: undefined while it lasts, null for a clean end, else what was thrown. */
  ending: unknown;
  /** Resolves when it has ended. */
  readonly done: Promise<void>;
  readonly #stream: Duplex;

  constructor(devices: Devices) {
    this.#stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, written) => {
        this.#take(Buffer.from(chunk));
        written();
      },
    });
    this.done = serveThread(this.#stream, devices).then(
      () => {
        this.ending = null;
      },
      (thrown: unknown) => {
        this.ending = thrown;
      },
    );
  }

  /** Takes whole frames: the relay must not write a part of one. */
  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const end = at + 4 + chunk.readUInt32LE(at);
      if (end > chunk.length) throw new Error('the relay wrote a part of a frame');
      this.replies.push({ operation: chunk.readUInt8(at + 4), fields: chunk.subarray(at + 5, end) });
      at = end;
    }
  }

  /** Sends bytes as one chunk. */
  send(...parts: readonly Uint8Array[]): void {
    this.#stream.push(Buffer.concat(parts));
  }

  /** Sends this very chunk, no copy of it. */
  sendItself(chunk: Buffer): void {
    this.#stream.push(chunk);
  }

  /** QEMU is gone. */
  hangUp(): void {
    if (!this.#stream.destroyed) this.#stream.push(null);
  }

  /** The connection breaks. */
  breakOff(): void {
    this.#stream.destroy(new Error('ECONNRESET'));
  }

  get closed(): boolean {
    return this.#stream.destroyed;
  }
}
