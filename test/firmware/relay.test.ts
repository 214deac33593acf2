import fc from 'fast-check';
import { HarnessError } from '../../lib/errors.ts';
import { type Devices, ERRNO } from '../../lib/firmware/relay.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { bytes, FakeShim, frame, hello, interrupted, ioctl, OP, open, returned } from './shim.ts';

/** Requests of the devices below. */
const PEEK = 1;
const WAIT = 2;

/** Devices that peek, or wait until they are interrupted. */
const DEVICES: Devices = {
  open: (path) => (path === '/dev/kvm' ? { result: 7 } : { errno: ERRNO.ENOENT }),
  ioctl: async (call, caller) => {
    if (call.request === PEEK) return { result: (await caller.peek(call.argument, 4)).length };
    if (call.request === WAIT) {
      await caller.interrupted;
      return { errno: ERRNO.EINTR };
    }
    return { result: call.input.length };
  },
};

/** The errors of promises that nobody looked at. */
const unhandled: unknown[] = [];
test.beforeAll(() => void process.on('unhandledRejection', (reason) => unhandled.push(reason)));

/** Waits for a connection to end. @returns the code it ended with, null for a clean end */
async function ending(shim: FakeShim): Promise<string | null> {
  await Promise.race([shim.done, new Promise((resolve) => setTimeout(resolve, 5000).unref())]);
  expect(shim.ending, 'the service has ended').not.toBeUndefined();
  expect(shim.closed, 'the connection is closed').toBe(true);
  await new Promise(setImmediate);
  expect(unhandled).toEqual([]);
  if (shim.ending === null) return null;
  if (shim.ending instanceof HarnessError) return shim.ending.code;
  throw shim.ending;
}

const lastReturned = (shim: FakeShim) => returned(shim.replies.at(-1));

test('calls are answered in order, with their results and errno', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello(), open('/dev/kvm'), open('/dev/null'), ioctl(1, 99, 0n, new Uint8Array(3)));
  await until('three answers', () => shim.replies.length === 3);
  expect(shim.replies.map(returned)).toEqual([{ result: 7 }, { errno: ERRNO.ENOENT }, { result: 3 }]);
  shim.hangUp();
  expect(await ending(shim)).toBeNull();
});

test('a request number above 2^31 stays unsigned', async () => {
  const seen: number[] = [];
  const shim = new FakeShim({ ...DEVICES, ioctl: ({ request }) => ({ result: seen.push(request) }) });
  shim.send(hello(), ioctl(1, 0xc008aeba));
  await until('an answer', () => shim.replies.length === 1);
  expect(seen).toEqual([0xc008aeba]);
  shim.hangUp();
});

test('frames may come in any pieces', async () => {
  const all = Buffer.concat([
    hello(),
    open('/dev/kvm'),
    ioctl(1, PEEK, 0x1000n),
    bytes(new Uint8Array(4)),
    ioctl(1, 99),
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: all.length }), { maxLength: 12 }), async (cuts) => {
      const shim = new FakeShim(DEVICES);
      const ends = [...cuts, all.length].sort((a, b) => a - b);
      let from = 0;
      for (const end of ends) {
        if (end > from) shim.send(all.subarray(from, end));
        from = end;
        await new Promise(setImmediate);
      }
      shim.hangUp();
      await shim.done;
      expect(shim.replies.map(returned).filter((one) => one !== undefined)).toEqual([
        { result: 7 },
        { result: 4 },
        { result: 0 },
      ]);
    }),
    { numRuns: 50 },
  );
});

// A stream that is forwarded over a connection hands the same memory out again.
test('a frame survives that the memory of its chunk is used again', async () => {
  const kept: Uint8Array[] = [];
  const keeping = new FakeShim({ ...DEVICES, ioctl: ({ input }) => ({ result: kept.push(input) }) });
  const all = ioctl(1, 5, 0n, Buffer.from('state'));
  keeping.send(hello());
  await new Promise(setImmediate);
  for (const [from, to] of [
    [0, 10],
    [10, all.length - 2],
    [all.length - 2, all.length],
  ] as const) {
    const chunk = Buffer.from(all.subarray(from, to));
    keeping.sendItself(chunk);
    await new Promise(setImmediate);
    chunk.fill(0);
  }
  await until('an answer', () => keeping.replies.length === 1);
  expect(Buffer.from(kept[0] ?? []).toString()).toBe('state');
  keeping.hangUp();
});

const HOSTILE: readonly [title: string, sent: readonly Uint8Array[], code: string | null][] = [
  ['a frame of length 0', [hello(), frame(OP.open, undefined, 0)], null],
  ['a frame above 1 MiB', [hello(), frame(OP.open, undefined, (1 << 20) + 1)], null],
  ['a frame of 4 GiB', [hello(), frame(OP.open, undefined, 0xffff_ffff)], null],
  ['a length 0 in place of a hello', [frame(OP.hello, undefined, 0)], null],
  ['another protocol version', [hello(1)], 'FIRMWARE_PROTOCOL'],
  ['a hello that is too short', [frame(OP.hello, Buffer.from([1, 0, 0, 0]))], 'FIRMWARE_PROTOCOL'],
  ['no hello', [open('/dev/kvm')], 'FIRMWARE_PROTOCOL'],
  ['a second hello', [hello(), hello()], 'FIRMWARE_PROTOCOL'],
  ['bytes that nobody asked for', [hello(), bytes(new Uint8Array(4))], 'FIRMWARE_PROTOCOL'],
  ['an operation of the other direction', [hello(), frame(OP.return, new Uint8Array(12))], 'FIRMWARE_PROTOCOL'],
  ['an unknown operation', [hello(), frame(0xff)], 'FIRMWARE_PROTOCOL'],
  ['an ioctl that is too short', [hello(), frame(OP.ioctl, new Uint8Array(19))], 'FIRMWARE_PROTOCOL'],
  ['another operation in place of bytes', [hello(), ioctl(1, PEEK), open('/dev/kvm')], 'FIRMWARE_PROTOCOL'],
  [
    'bytes with an errno',
    [hello(), ioctl(1, PEEK, 0x4000n), bytes(new Uint8Array(), ERRNO.EFAULT)],
    'FIRMWARE_PROTOCOL',
  ],
  ['fewer bytes than asked for', [hello(), ioctl(1, PEEK), bytes(new Uint8Array(3))], 'FIRMWARE_PROTOCOL'],
  ['more bytes than asked for', [hello(), ioctl(1, PEEK), bytes(new Uint8Array(5))], 'FIRMWARE_PROTOCOL'],
  ['bytes without an errno field', [hello(), ioctl(1, PEEK), frame(OP.bytes, new Uint8Array(3))], 'FIRMWARE_PROTOCOL'],
  [
    'a waiting call, and then a frame of length 0',
    [hello(), ioctl(1, 99), ioctl(1, WAIT), frame(1, undefined, 0)],
    null,
  ],
];

for (const [title, sent, code] of HOSTILE) {
  test(`${title} ends the connection (${code ?? 'closed'})`, async () => {
    const shim = new FakeShim(DEVICES);
    shim.send(...sent);
    expect(await ending(shim)).toBe(code);
  });
}

test('a connection that ends inside a frame, at any byte, ends the service', async () => {
  const all = Buffer.concat([hello(), open('/dev/kvm'), ioctl(1, PEEK), bytes(new Uint8Array(4))]);
  for (let length = 0; length < all.length; length++) {
    const shim = new FakeShim(DEVICES);
    shim.send(all.subarray(0, length));
    shim.hangUp();
    expect(await ending(shim), `${length} bytes`).toBe(length >= all.length - 13 ? 'FIRMWARE_PROTOCOL' : null);
  }
});

test('a connection that breaks while a call waits ends the service', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello(), ioctl(1, WAIT));
  await new Promise(setImmediate);
  shim.breakOff();
  expect(await ending(shim)).toBeNull();
});

test('the address that cannot be read is named', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello(), ioctl(1, PEEK, 0xdead000n), bytes(new Uint8Array(), ERRNO.EFAULT));
  await ending(shim);
  expect(String(shim.ending)).toContain('address 0xdead000 cannot be read (errno 14)');
});

test('an interruption ends the call that waits', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello(), ioctl(1, WAIT));
  await new Promise(setImmediate);
  expect(shim.replies).toEqual([]);
  shim.send(interrupted());
  await until('the answer', () => shim.replies.length === 1);
  expect(lastReturned(shim)).toEqual({ errno: ERRNO.EINTR });
  shim.hangUp();
});

// QEMU asks once. The shim may write the call and the interruption so close together that they arrive as one chunk.
test('an interruption that arrives together with its call is not lost', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello());
  await new Promise(setImmediate);
  shim.send(ioctl(1, WAIT), interrupted());
  await until('the answer', () => shim.replies.length === 1);
  expect(lastReturned(shim)).toEqual({ errno: ERRNO.EINTR });
  shim.hangUp();
});

test('an interruption that comes late is not taken for the next call', async () => {
  const shim = new FakeShim(DEVICES);
  shim.send(hello(), ioctl(1, 99));
  await until('the answer', () => shim.replies.length === 1);
  shim.send(interrupted(), ioctl(1, WAIT));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(shim.replies).toHaveLength(1);
  shim.send(interrupted());
  await until('the answer', () => shim.replies.length === 2);
  shim.hangUp();
});

test('random bytes after the hello never hang the service or leave a rejection behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
      const shim = new FakeShim(DEVICES);
      shim.send(hello(), noise);
      shim.hangUp();
      await ending(shim);
    }),
    { numRuns: 200 },
  );
});
