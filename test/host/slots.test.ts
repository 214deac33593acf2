import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LocalSession } from '../../lib/host/local-session.ts';
import { type SlotRequest, type Supervised, startSupervised } from '../../lib/host/supervisor.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection, until } from '../support/until.ts';
import { killLivingIn, launchOptions, membersOf } from './launches.ts';

const inFolder = testFolder();

let session: LocalSession;
test.beforeAll(() => {
  session = new LocalSession('here');
});
test.afterAll(() => session.close());

/** Starts a command that needs one of two slots of its folder. */
function start(folder: string, change: Partial<SlotRequest> = {}, signal?: AbortSignal): Promise<Supervised> {
  const slot = { folder: join(folder, 'slots'), count: 2, waitSeconds: 20, holder: 'run 7, cell a/b', ...change };
  return startSupervised(session, { ...launchOptions(folder, 'sleep 301'), slot, ...(signal && { signal }) });
}

test('as many commands run as there are slots; the next starts when one of them has ended', async () => {
  const folder = inFolder('bounded');
  const [first, second] = await Promise.all([start(folder), start(folder)]);
  let begun = false;
  const third = start(folder).then((launch) => {
    begun = true;
    return launch;
  });
  await until('the third to wait', () => membersOf(first.pid).length > 0 && !begun);
  await first.kill();
  await until('the third to start', () => begun, 20_000);
  const waited = await third;
  expect(waited.waitedMs).toBeGreaterThan(0);
  await Promise.all([first, second, waited].map((launch) => launch.release()));
});

test('a wait has a limit, and then says who holds the slots', async () => {
  const folder = inFolder('busy');
  const holder = 'snp@runner-3 pid 7 run 2026 amdsev/x';
  const first = await start(folder, { count: 1, holder });
  const thrown = await rejection(start(folder, { count: 1, waitSeconds: 1 }));
  expect(thrown).toMatchObject({
    code: 'HOST_BUSY',
    what: `waited 1 s for one of 1 slots; held by slot 1: ${holder}`,
    hint: expect.stringContaining('hosts status'),
  });
  await first.release();
});

test('who is killed while waiting does not take a slot, and leaves nothing', async () => {
  const folder = inFolder('aborted');
  const first = await start(folder, { count: 1 });
  const abort = new AbortController();
  const second = rejection(start(folder, { count: 1 }, abort.signal));
  await until('the second to wait', () => existsSync(join(folder, 'slots', 'slot-1')));
  abort.abort();
  expect(await second).toMatchObject({ code: 'HOST_COMMAND' });
  await first.release();
  const third = await start(folder, { count: 1, waitSeconds: 1 });
  await third.release();
});

test('a slot comes free when supervisor and command are killed outright', async () => {
  const folder = inFolder('killed');
  const first = await start(folder, { count: 1 });
  first.ended.catch(() => undefined);
  const options = launchOptions(folder, 'true');
  const directory = options.directory.replace(/\d+$/, (number) => String(Number(number) - 1));
  await killLivingIn(directory);
  const second = await start(folder, { count: 1, waitSeconds: 20 });
  await second.release();
});

test('what a holder calls itself cannot break the line of another', async () => {
  const folder = inFolder('named');
  const first = await start(folder, { count: 1, holder: `two\nlines ${'x'.repeat(2000)} $(reboot) 'quoted'` });
  const thrown = await rejection(start(folder, { count: 1, waitSeconds: 1 }));
  expect(thrown).toMatchObject({ code: 'HOST_BUSY', what: expect.stringContaining('slot 1: two lines xxx') });
  await first.release();
});
