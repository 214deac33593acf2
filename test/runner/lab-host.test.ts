import { HarnessError } from '../../lib/errors.ts';
import type { HostEntry } from '../../lib/host/hosts-file.ts';
import { LabHost } from '../../lib/runner/lab-host.ts';
import { pausesUntil } from '../../lib/runner/pauses.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const path = testFolder();
const LOST = new HarnessError({ code: 'SSH_LOST', what: 'the connection was lost' });

/** A connection that knows when it was closed. */
class Connection {
  closes = 0;
  async close(): Promise<void> {
    this.closes += 1;
  }
}

function host(name: string, open?: () => Promise<Connection>) {
  const opened: Connection[] = [];
  const connect = async (): Promise<Connection> => {
    const connection = new Connection();
    opened.push(connection);
    return connection;
  };
  const lab = new LabHost({ name } as HostEntry, { runDirectory: path('run'), runId: 'r' }, open ?? connect);
  return { lab, opened };
}

/** Work on a connection that ends when the test says so. */
function work() {
  let settle: { resolve: (value: string) => void; reject: (error: unknown) => void } | undefined;
  const end = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { on: (): Promise<string> => end, finish: () => settle?.resolve('done'), fail: () => settle?.reject(LOST) };
}

test('of two that are under way one fails: the other ends on its connection, and the next begins on a new one', async () => {
  const { lab, opened } = host('two');
  const [failing, lasting] = [work(), work()];
  const [failed, lasted] = [rejection(lab.use(failing.on)), lab.use(lasting.on)];
  failing.fail();
  expect(await failed).toBe(LOST);
  expect(opened.map(({ closes }) => closes)).toEqual([0]);
  expect(await lab.use(async (connection) => opened.indexOf(connection))).toBe(1);
  lasting.finish();
  expect(await lasted).toBe('done');
  expect(opened.map(({ closes }) => closes)).toEqual([1, 0]);
  await lab.close();
  expect(opened.map(({ closes }) => closes)).toEqual([1, 1]);
});

test('what succeeded stays so, though its connection does not end well', async () => {
  const { lab } = host('ill', async () => ({ closes: 0, close: () => Promise.reject(new Error('no goodbye')) }));
  const [failing, lasting] = [work(), work()];
  const [failed, lasted] = [rejection(lab.use(failing.on)), lab.use(lasting.on)];
  failing.fail();
  await failed;
  lasting.finish();
  expect(await lasted).toBe('done');
});

test('a host that cannot be reached is tried anew', async () => {
  let tries = 0;
  const { lab } = host('late', async () => {
    tries += 1;
    if (tries === 1) throw LOST;
    return new Connection();
  });
  expect(await rejection(lab.use(async () => 'never'))).toBe(LOST);
  expect(await lab.use(async () => 'reached')).toBe('reached');
});

test('a connection that is lost under many counts once against its host, and the next one that is lost again', () => {
  const { lab } = host('lost');
  for (let launch = 0; launch < 6; launch++) lab.tell(LOST);
  expect(lab.health.failuresInARow()).toEqual(['SSH_LOST']);
  lab.tell(new HarnessError({ code: 'SSH_LOST', what: 'again' }));
  expect(lab.health.failuresInARow()).toHaveLength(2);
  lab.tell(null);
  expect(lab.health.failuresInARow()).toEqual([]);
});

test('no pause goes on, and none begins, after a test is over', async () => {
  const abort = new AbortController();
  const pauses = pausesUntil(abort.signal);
  const pausing = rejection(pauses.pause(60_000));
  abort.abort();
  expect(await pausing).toMatchObject({ code: 'HOST_TIMEOUT' });
  expect(await rejection(pauses.pause(60_000))).toMatchObject({ code: 'HOST_TIMEOUT' });
});
