import type { Access, VcpuExits } from './kvm/run.ts';
import { LATER_MAX } from './relay.ts';

/** Registers of a 16550A. Source: its data sheet; QEMU hw/char/serial.c. */
const DATA = 0;
const INTERRUPT_ENABLE = 1;
/** Read, it is the interrupt identification; written, the FIFO control. */
const INTERRUPT_ID = 2;
const FIFO_CONTROL = 2;
const LINE_STATUS = 5;
const RECEIVED_DATA = 0x01;
const INTERRUPT_ID_MASK = 0x0f;
/** The receive FIFO holds its trigger level or more. */
const TRIGGER_REACHED = 0x04;
const FIFO_ENABLE = 0x01;
const TRIGGER_AT_14 = 0xc0;
const TRIGGER_BYTES = 14;
const DATA_READY = 0x01;
const TRANSMITTER_EMPTY = 0x20;
const FIFO_BYTES = 16;
/** Pauses between looks at a register grow to this: a guest that waits for its host costs next to nothing. */
const PAUSE_MAX_MS = 16;

/** Base ports of QEMU's first two serial ports. */
export const SERIAL_PORT = { console: 0x3f8, agent: 0x2f8 } as const;

/**
 * A guest's driver for one of QEMU's UARTs: every byte goes through real port accesses, in as few exits as a driver can do
 * with, for each is a round trip to QEMU.
 */
export class Uart {
  readonly #exits: VcpuExits;
  readonly #base: number;
  readonly #pollMs: number;
  #fifoEnabled = false;

  /** @param pollMs the first pause between two looks at a register */
  constructor(exits: VcpuExits, base: number, pollMs = 2) {
    this.#exits = exits;
    this.#base = base;
    this.#pollMs = pollMs;
  }

  /** What must be so before a chunk is written. */
  get #lookForRoom(): Access {
    const expected = { mask: TRANSMITTER_EMPTY, value: TRANSMITTER_EMPTY };
    return { kind: 'in', port: this.#base + LINE_STATUS, expected };
  }

  async #status(): Promise<number> {
    return this.#exits.in(this.#base + LINE_STATUS);
  }

  /** @returns the length of the next pause */
  async #pause(ms: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return Math.min(2 * ms, PAUSE_MAX_MS);
  }

  /** Interrupts are asked for only for their identification: it says that the trigger level is reached. */
  async #enableFifo(): Promise<void> {
    if (this.#fifoEnabled) return;
    this.#fifoEnabled = true;
    await this.#exits.out(this.#base + FIFO_CONTROL, Uint8Array.of(FIFO_ENABLE | TRIGGER_AT_14));
    await this.#exits.out(this.#base + INTERRUPT_ENABLE, Uint8Array.of(RECEIVED_DATA));
  }

  async write(text: string): Promise<void> {
    await this.#enableFifo();
    const bytes = Buffer.from(text, 'utf8');
    let pauseMs = this.#pollMs;
    for (let at = 0; at < bytes.length; ) {
      const accesses: Access[] = [];
      for (let from = at; from < bytes.length && accesses.length < LATER_MAX; from += FIFO_BYTES) {
        const chunk = bytes.subarray(from, from + FIFO_BYTES);
        accesses.push(this.#lookForRoom, { kind: 'out', port: this.#base + DATA, bytes: chunk });
      }
      const written = Math.floor((await this.#exits.sequence(accesses)) / 2);
      at += written * FIFO_BYTES;
      pauseMs = written > 0 ? this.#pollMs : await this.#pause(pauseMs);
    }
  }

  /** What has arrived since the last read, waiting for the first byte until the deadline; empty when none came. */
  async read(deadlineMs: number): Promise<Uint8Array> {
    await this.#enableFifo();
    const chunks: Uint8Array[] = [];
    let pauseMs = this.#pollMs;
    for (;;) {
      const id = (await this.#exits.in(this.#base + INTERRUPT_ID)) & INTERRUPT_ID_MASK;
      if (id === TRIGGER_REACHED) chunks.push(await this.#exits.inString(this.#base + DATA, TRIGGER_BYTES));
      else if ((await this.#status()) & DATA_READY) chunks.push(await this.#exits.inString(this.#base + DATA, 1));
      else if (chunks.length > 0 || Date.now() >= deadlineMs) return Buffer.concat(chunks);
      else pauseMs = await this.#pause(pauseMs);
    }
  }
}
