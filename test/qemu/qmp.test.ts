import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { LocalSession } from '../../lib/host/local-session.ts';
import { connectWhenThere } from '../../lib/host/sockets.ts';
import { openQmp } from '../../lib/qemu/qmp.ts';
import { expect, test } from '../support/test.ts';

const QEMU = '/usr/bin/qemu-system-x86_64';
const GREETING =
  '{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":"fake"},"capabilities":["oob"]}}';
const where = 'host test';

/** A QEMU of a test: answers each command by what `respond` says, or not at all. */
function fakeQemu(respond: (command: string, id: number) => string | undefined, greeting = `${GREETING}\r\n`): Duplex {
  const fake: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const { execute, id } = JSON.parse(chunk.toString()) as { execute: string; id: number };
      const answer = execute === 'qmp_capabilities' ? `{"return":{},"id":${id}}\r\n` : respond(execute, id);
      if (answer !== undefined) fake.push(answer);
      done();
    },
  });
  fake.push(greeting);
  return fake;
}

test.describe('with the real QEMU', () => {
  test.skip(!existsSync(QEMU), `no ${QEMU}`);
  let directory: string;
  let qemu: ChildProcess;
  const session = new LocalSession('here');
  test.beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'snp-qmp-'));
    const qmp = `unix:${join(directory, 'qmp')},server=on,wait=off`;
    qemu = spawn(QEMU, ['-M', 'none', '-display', 'none', '-nodefaults', '-qmp', qmp], { stdio: 'ignore' });
  });
  // A socket is there before anybody listens on it.
  async function connected(): Promise<Duplex> {
    const stream = await connectWhenThere(session, join(directory, 'qmp'), new Promise(() => undefined), 10_000);
    if (stream === undefined) throw new Error('QEMU ended');
    return stream;
  }
  test.afterEach(async () => {
    qemu.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  test('greets, answers, refuses, and says goodbye', async () => {
    const qmp = await openQmp(await connected(), { where });
    expect(qmp.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(await qmp.execute('query-status')).toMatchObject({ running: true });
    await expect(qmp.execute('query-sev-launch-measure')).rejects.toMatchObject({ code: 'QMP_COMMAND' });
    await expect(qmp.execute('no-such-command', { a: 1 })).rejects.toMatchObject({
      code: 'QMP_COMMAND',
      what: 'QEMU refused no-such-command: The command no-such-command has not been found (CommandNotFound)',
    });
    const answers = await Promise.all([qmp.execute('stop'), qmp.execute('query-name'), qmp.execute('cont')]);
    expect(answers).toEqual([{}, {}, {}]);
    await qmp.waitForEvent(['RESUME']);
    const shutdown = qmp.waitForEvent(['SHUTDOWN']);
    await qmp.execute('quit');
    expect(await shutdown).toEqual({ event: 'SHUTDOWN', data: { guest: false, reason: 'host-qmp-quit' } });
    await qmp.ended;
    expect(qmp.events.map((event) => event.event)).toEqual(['STOP', 'RESUME', 'SHUTDOWN']);
    await expect(qmp.execute('query-status')).rejects.toMatchObject({ code: 'QMP_ENDED' });
  });

  test('killed, it rejects what is pending and names it', async () => {
    const qmp = await openQmp(await connected(), { where });
    const waiting = qmp.waitForEvent(['SHUTDOWN']);
    qemu.kill('SIGKILL');
    await expect(waiting).rejects.toMatchObject({
      code: 'QMP_ENDED',
      what: expect.stringMatching(/ while the event SHUTDOWN was waited for$/),
    });
    await qmp.ended;
  });
});

test('a second greeting is nothing new while the first is answered, and is no QMP later', async () => {
  const fake = fakeQemu((_, id) => `${GREETING}\r\n{"return":1,"id":${id}}\r\n`, `${GREETING}\r\n${GREETING}\r\n`);
  const qmp = await openQmp(fake, { where });
  await expect(qmp.execute('query-status')).rejects.toMatchObject({ code: 'QMP_PROTOCOL' });
});

test('matches answers to commands by their ids, in whatever order they come', async () => {
  const held: string[] = [];
  const stream = fakeQemu((command, id) => {
    held.unshift(`{"return":"${command}","id":${id}}\n`);
    return held.length === 3 ? held.join('') : undefined;
  });
  const qmp = await openQmp(stream, { where });
  expect(await Promise.all(['a', 'b', 'c'].map((command) => qmp.execute(command)))).toEqual(['a', 'b', 'c']);
  qmp.close();
});

test('reads answers that come one byte at a time, with events between them', async () => {
  const stream = fakeQemu(() => undefined);
  const qmp = await openQmp(stream, { where });
  const answer = qmp.execute('slow');
  const text = '{"event":"STOP","timestamp":{"seconds":1,"microseconds":2}}\r\n{"return":{"ü":1},"id":2}\r\n';
  for (const byte of Buffer.from(text)) stream.push(Buffer.of(byte));
  expect(await answer).toEqual({ ü: 1 });
  expect(qmp.events).toEqual([{ event: 'STOP' }]);
  qmp.close();
});

test('an event that has already come is not waited for', async () => {
  const stream = fakeQemu(() => undefined);
  const qmp = await openQmp(stream, { where });
  stream.push('{"event":"GUEST_PANICKED","data":{"action":"pause"}}\n');
  expect(await qmp.waitForEvent(['RESET', 'GUEST_PANICKED'])).toMatchObject({ data: { action: 'pause' } });
  expect(await qmp.waitForEvent(['GUEST_PANICKED'], 1)).toMatchObject({ event: 'GUEST_PANICKED' });
  qmp.close();
});

test('a command without an answer ends at its deadline, and a late answer harms nothing', async () => {
  const stream = fakeQemu((command, id) => (command === 'second' ? `{"return":2,"id":${id}}\n` : undefined));
  const qmp = await openQmp(stream, { where });
  await expect(qmp.execute('first', undefined, 30)).rejects.toMatchObject({
    code: 'HOST_TIMEOUT',
    what: 'waited 30 ms for the answer of QEMU to first',
  });
  await expect(qmp.waitForEvent(['STOP'], 30)).rejects.toMatchObject({ code: 'HOST_TIMEOUT' });
  stream.push('{"return":1,"id":2}\n');
  expect(await qmp.execute('second')).toBe(2);
  qmp.close();
});

test('no greeting is a timeout, and the socket is closed', async () => {
  const stream = fakeQemu(() => undefined, '\n');
  await expect(openQmp(stream, { where, timeoutMs: 30 })).rejects.toMatchObject({
    code: 'HOST_TIMEOUT',
    what: expect.stringContaining('greeting'),
  });
  expect(stream.destroyed).toBe(true);
});

const hostile: [string, string][] = [
  ['what is not JSON', 'hello\n'],
  ['JSON that is no message', '[1]\n'],
  ['an answer to nothing', '{"return":{},"id":99}\n'],
  ['an answer without id', '{"return":{}}\n'],
  ['an answer with a strange id', '{"return":{},"id":"2"}\n'],
  ['an answer with neither return nor error', '{"id":2}\n'],
  ['a second greeting', `${GREETING}\n`],
  ['a line without end', 'x'.repeat(1024 * 1024 + 1)],
  ['events without end', '{"event":"RTC_CHANGE"}\n'.repeat(257)],
];
for (const [what, text] of hostile) {
  test(`${what} ends the conversation with QMP_PROTOCOL`, async () => {
    const stream = fakeQemu(() => text);
    const qmp = await openQmp(stream, { where });
    await expect(qmp.execute('anything')).rejects.toMatchObject({ code: 'QMP_PROTOCOL', where });
    await expect(qmp.execute('anything else')).rejects.toMatchObject({ code: 'QMP_PROTOCOL' });
    expect(stream.destroyed).toBe(true);
    await qmp.ended;
    expect(qmp.events.length).toBeLessThanOrEqual(256);
  });
}

test('a socket that fails is QMP_ENDED', async () => {
  const stream = fakeQemu(() => undefined);
  const qmp = await openQmp(stream, { where });
  const pending = qmp.execute('cont');
  stream.destroy(new Error('EPIPE'));
  await expect(pending).rejects.toMatchObject({ code: 'QMP_ENDED', what: expect.stringContaining('EPIPE') });
  await qmp.ended;
});
