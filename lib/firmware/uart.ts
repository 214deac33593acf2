import type { VcpuExits } from './kvm/run.ts';

/** Registers of a 16550A. Source: its data sheet; QEMU hw/char/serial.c. */
const DATA = 0;
const FIFO_CONTROL = 2;
const LINE_STATUS = 5;
const FIFO_ENABLE = 1;
const DATA_READY = 0x01;
const TRANSMITTER_EMPTY = 0x20;
const FIFO_BYTES = 16;

/** Base ports of QEMU's first two serial ports. */
export const SERIAL_PORT = { console: 0x3f8, agent: 0x2f8 } as const;

/** A guest's driver for one of QEMU's UARTs: every byte goes through real port accesses. */
export class Uart {
  readonly #exits: VcpuExits;
  readonly #base: number;
  readonly #pollMs: number;
  #fifoEnabled = false;

  constructor(exits: VcpuExits, base: number, pollMs = 2) {
    this.#exits = exits;
    this.#base = base;
    this.#pollMs = pollMs;
  }

  async #status(): Promise<number> {
    return this.#exits.in(this.#base + LINE_STATUS);
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#pollMs));
  }

  async write(text: string): Promise<void> {
    if (!this.#fifoEnabled) {
      await this.#exits.out(this.#base + FIFO_CONTROL, Uint8Array.of(FIFO_ENABLE));
      this.#fifoEnabled = true;
    }
    const bytes = Buffer.from(text, 'utf8');
    for (let at = 0; at < bytes.length; at += FIFO_BYTES) {
      while (((await this.#status()) & TRANSMITTER_EMPTY) === 0) await this.#pause();
      await this.#exits.out(this.#base + DATA, bytes.subarray(at, at + FIFO_BYTES));
    }
  }

  /** What has arrived since the last read, waiting for the first byte until the deadline; empty when none came. */
  async read(deadlineMs: number): Promise<Uint8Array> {
    const bytes: number[] = [];
    for (;;) {
      const ready = ((await this.#status()) & DATA_READY) !== 0;
      if (ready) bytes.push(await this.#exits.in(this.#base + DATA));
      else if (bytes.length > 0 || Date.now() >= deadlineMs) return Uint8Array.from(bytes);
      else await this.#pause();
    }
  }
}
