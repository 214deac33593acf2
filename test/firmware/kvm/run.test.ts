import { RUN_ALONG, RUN_AREA_BYTES, VcpuExits } from '../../../lib/firmware/kvm/run.ts';
import { type Caller, ERRNO, type Later } from '../../../lib/firmware/relay.ts';
import { SERIAL_PORT, Uart } from '../../../lib/firmware/uart.ts';
import { expect, test } from '../../support/test.ts';

/** QEMU's side of one vCPU, with the shim: the kvm_run area as it is after a KVM_RUN. */
class RunningVcpu {
  readonly area = Buffer.alloc(RUN_AREA_BYTES);
  /** How often the firmware was asked. */
  asked = 0;
  #later: Later[] = [];
  interrupt: () => void = () => undefined;
  readonly #exits: VcpuExits;

  constructor(exits: VcpuExits) {
    this.#exits = exits;
  }

  /** What the shim stores without asking. @returns undefined where it must ask */
  #performLater() {
    const [first] = this.#later;
    if (first === undefined) return undefined;
    const { check, stores } = first;
    if (((this.area[check.offset] ?? 0) & check.mask) !== check.value) return undefined;
    for (const { offset, bytes } of stores) this.area.set(bytes, offset);
    this.#later.shift();
    return { result: 0 };
  }

  async run() {
    const performed = this.#performLater();
    if (performed !== undefined) return performed;
    this.asked += 1;
    const left = Buffer.alloc(4);
    left.writeUInt32LE(this.#later.length);
    this.#later = [];
    const caller: Caller = {
      peek: () => Promise.reject(new Error('nothing to peek at')),
      poke: () => undefined,
      store: (_handle, offset, bytes) => void this.area.set(bytes, offset),
      later: (_handle, later) => void this.#later.push(later),
      create: () => undefined,
      interrupted: new Promise((resolve) => {
        this.interrupt = resolve;
      }),
    };
    const along = this.area.subarray(RUN_ALONG.offset, RUN_ALONG.offset + RUN_ALONG.bytes);
    return this.#exits.run(1, Buffer.concat([along, left]), caller);
  }

  /** The exit as struct kvm_run has it. Source: Linux include/uapi/linux/kvm.h. */
  get exit() {
    const reason = this.area.readUInt32LE(8);
    if (reason !== 2) return { reason, type: this.area.readUInt32LE(32) };
    const count = this.area.readUInt32LE(36);
    const dataOffset = Number(this.area.readBigUInt64LE(40));
    return {
      reason,
      direction: this.area.readUInt8(32),
      bytesEach: this.area.readUInt8(33),
      port: this.area.readUInt16LE(34),
      count,
      data: this.area.subarray(dataOffset, dataOffset + count),
    };
  }
}

test('a port write is an IO exit with its bytes, done when the vCPU is run again', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  let done = false;
  const write = exits.out(0x2f8, Buffer.from('abc')).then(() => {
    done = true;
  });
  expect(await vcpu.run()).toEqual({ result: 0 });
  expect(vcpu.exit).toMatchObject({ reason: 2, direction: 1, bytesEach: 1, port: 0x2f8, count: 3 });
  expect(vcpu.exit.data?.toString()).toBe('abc');
  await new Promise(setImmediate);
  expect(done).toBe(false);
  const next = vcpu.run();
  await write;
  vcpu.interrupt();
  expect(await next).toEqual({ errno: ERRNO.EINTR });
});

test('a port read is an IO exit, answered by the byte that QEMU puts there', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const read = exits.in(0x2fd);
  await vcpu.run();
  expect(vcpu.exit).toMatchObject({ reason: 2, direction: 0, bytesEach: 1, port: 0x2fd, count: 1 });
  vcpu.area[4096] = 0x61;
  const next = vcpu.run();
  expect(await read).toBe(0x61);
  vcpu.interrupt();
  await next;
});

test('a string read is one exit for all its bytes', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const read = exits.inString(0x2f8, 8);
  await vcpu.run();
  expect(vcpu.exit).toMatchObject({ direction: 0, bytesEach: 1, port: 0x2f8, count: 8 });
  vcpu.area.set(Buffer.from('@snp1 no'), 4096);
  const next = vcpu.run();
  expect(Buffer.from(await read).toString()).toBe('@snp1 no');
  vcpu.interrupt();
  await next;
});

const WRITE_A = { kind: 'out', port: 0x2f8, bytes: Buffer.from('a') } as const;
const LOOK = { kind: 'in', port: 0x2fd, expected: { mask: 0x20, value: 0x20 } } as const;

test('of a sequence the firmware is asked for the first access alone, while QEMU answers as expected', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const made = exits.sequence([LOOK, WRITE_A, LOOK, WRITE_A]);
  const seen: unknown[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await vcpu.run();
    const { direction, port, data } = vcpu.exit;
    seen.push(direction === 1 ? data?.toString() : port);
    vcpu.area[4096] = 0x60;
  }
  expect(seen).toEqual([0x2fd, 'a', 0x2fd, 'a']);
  expect(vcpu.asked).toBe(1);
  void vcpu.run();
  expect(await made).toBe(4);
});

test('a sequence ends with the byte that is another than the expected one', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const made = exits.sequence([LOOK, WRITE_A, LOOK, WRITE_A]);
  for (const status of [0x60, 0, 0x40]) {
    await vcpu.run();
    vcpu.area[4096] = status;
  }
  void vcpu.run();
  expect(await made).toBe(3);
});

// Source: Linux include/uapi/linux/kvm.h: KVM_EXIT_SYSTEM_EVENT 24, KVM_SYSTEM_EVENT_SHUTDOWN 1.
test('powering off is a SYSTEM_EVENT of type SHUTDOWN', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  exits.shutdown();
  expect(await vcpu.run()).toEqual({ result: 0 });
  expect(vcpu.exit).toEqual({ reason: 24, type: 1 });
});

test('a vCPU that was interrupted loses no exit', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const waiting = vcpu.run();
  vcpu.interrupt();
  expect(await waiting).toEqual({ errno: ERRNO.EINTR });
  const write = exits.out(0x3f8, Buffer.from('z'));
  expect(await vcpu.run()).toEqual({ result: 0 });
  expect(vcpu.exit.data?.toString()).toBe('z');
  const next = vcpu.run();
  await write;
  vcpu.interrupt();
  await next;
});

test('an exit that is asked for while the vCPU waits ends its wait', async () => {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const waiting = vcpu.run();
  await new Promise(setImmediate);
  void exits.in(0x3fd);
  expect(await waiting).toEqual({ result: 0 });
});

/** A UART whose transmitter is busy now and then; what it was told, in order. */
class FakeUart {
  readonly written: Buffer[] = [];
  readonly fifoControl: number[] = [];
  readonly received: number[] = [];
  /** Bytes of each read. */
  readonly reads: number[] = [];
  /** How many status reads say that the transmitter is busy, after each write. */
  busyFor = 0;
  #busy = 0;
  tooEarly = 0;

  answer(exit: RunningVcpu['exit'], area: Buffer): void {
    const register = (exit.port ?? 0) - SERIAL_PORT.agent;
    if (exit.direction === 1 && register === 2) this.fifoControl.push(exit.data?.[0] ?? -1);
    if (exit.direction === 1 && register === 0) {
      if (this.#busy > 0) this.tooEarly += 1;
      this.written.push(Buffer.from(exit.data ?? []));
      this.#busy = this.busyFor;
    }
    if (exit.direction === 0 && register === 5) {
      area[4096] = (this.#busy > 0 ? 0 : 0x20) | (this.received.length > 0 ? 1 : 0);
      this.#busy = Math.max(0, this.#busy - 1);
    }
    if (exit.direction === 0 && register === 2) area[4096] = this.received.length >= 14 ? 0xc4 : 0xc1;
    if (exit.direction === 0 && register === 0) {
      this.reads.push(exit.count ?? 0);
      for (let at = 0; at < (exit.count ?? 0); at++) area[4096 + at] = this.received.shift() ?? 0xff;
    }
  }
}

/** Runs a vCPU against a UART until the work of its guest is done. */
async function withUart<T>(uart: FakeUart, work: (driver: Uart) => Promise<T>): Promise<T> {
  const exits = new VcpuExits();
  const vcpu = new RunningVcpu(exits);
  const result = work(new Uart(exits, SERIAL_PORT.agent, 0));
  void result.finally(() => exits.shutdown());
  for (;;) {
    await vcpu.run();
    if (vcpu.exit.reason !== 2) return result;
    uart.answer(vcpu.exit, vcpu.area);
  }
}

const TEXT = 'the quick brown fox jumps over the lazy dog: ü';

test('what is written arrives in order, 16 bytes at most at a time, when the transmitter is empty', async () => {
  const uart = new FakeUart();
  uart.busyFor = 3;
  await withUart(uart, async (driver) => {
    await driver.write(TEXT);
    await driver.write('!');
  });
  expect(Buffer.concat(uart.written).toString('utf8')).toBe(`${TEXT}!`);
  expect(uart.written.map((chunk) => chunk.length)).toEqual([16, 16, 15, 1]);
  expect(uart.tooEarly).toBe(0);
  expect(uart.fifoControl, 'the FIFO is switched on once').toEqual([0xc1]);
});

test('what has arrived is read to its end, fourteen bytes at a time while the FIFO has them', async () => {
  const uart = new FakeUart();
  uart.received.push(...Buffer.from('@snp1 nonce 0 abc'));
  const read = await withUart(uart, (driver) => driver.read(Date.now() + 5000));
  expect(Buffer.from(read).toString()).toBe('@snp1 nonce 0 abc');
  expect(uart.reads).toEqual([14, 1, 1, 1]);
});

test('reading ends at the deadline when nothing comes', async () => {
  const read = await withUart(new FakeUart(), (driver) => driver.read(Date.now() + 10));
  expect(read).toHaveLength(0);
});
