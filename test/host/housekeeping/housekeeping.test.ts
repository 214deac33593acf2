import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { cleanHost, hostStatus, leftovers, parseStatus } from '../../../lib/host/housekeeping/housekeeping.ts';
import { LocalSession } from '../../../lib/host/local-session.ts';
import { LAUNCH_VARIABLE, startSupervised } from '../../../lib/host/supervisor.ts';
import { testFolder } from '../../support/folder.ts';
import { expect, test } from '../../support/test.ts';
import { isAlive, until } from '../../support/until.ts';
import { killLivingIn } from '../launches.ts';

const inFolder = testFolder();
const DAY = 86_400;

let session: LocalSession;
test.beforeAll(() => {
  session = new LocalSession('here');
});
test.afterAll(() => session.close());

/** A launch as QEMU's is, with a slot. */
async function launch(directory: string, name: string, script = 'sleep 301') {
  const path = join(directory, 'run', name);
  return startSupervised(session, {
    directory: path,
    argv: ['sh', '-c', script],
    environment: { [LAUNCH_VARIABLE]: path },
    maxSeconds: 60,
    heartbeatSeconds: 30,
    slot: { folder: join(directory, 'slots'), count: 2, waitSeconds: 1, holder: 'me@here run 1 a/b' },
  });
}

/** A launch whose supervisor was killed, so that its command lives on for now. */
async function abandoned(directory: string, name: string): Promise<number> {
  const running = await launch(directory, name, 'exec sleep 302');
  running.ended.catch(() => undefined);
  const path = join(directory, 'run', name);
  // Until then it has no environment by which it would be known.
  await until('the command', () => readFileSync(`/proc/${running.pid}/comm`, 'utf8') === 'sleep\n');
  // The supervisor's helpers too, which it starts and waits for.
  await killLivingIn(path, (pid) => environmentOf(pid).includes(LAUNCH_VARIABLE));
  return running.pid;
}

const environmentOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // It ended meanwhile.
  }
};

test('an empty host has nothing of ours, and neither has one where nothing ever ran', async () => {
  const nothing = { slots: [], launches: [], artifacts: [] };
  expect(await hostStatus(session, { directory: inFolder('never', 'there') })).toEqual(nothing);
});

test('a slot is shown with who holds it, and a launch with its processes, while it lives', async () => {
  const directory = inFolder('host', 'live');
  const running = await launch(directory, 'aa11');
  const status = await hostStatus(session, { directory });
  expect(status.slots).toEqual([{ slot: 1, holder: 'me@here run 1 a/b' }]);
  expect(status.launches).toMatchObject([{ name: 'aa11', state: 'live' }]);
  expect(status.launches[0]?.pids).toContain(running.pid);
  expect(leftovers(status, DAY)).toEqual({ launches: [], artifacts: [] });
  await running.release();
  expect((await hostStatus(session, { directory })).slots).toEqual([{ slot: 1, holder: null }]);
});

test('what a killed supervisor left is shown, and cleaning ends its processes and no other', async () => {
  const directory = inFolder('host', 'left');
  const other = await launch(directory, 'bb22');
  const pid = await abandoned(directory, 'cc33');
  // Looks like one of ours in every way but the one that counts.
  const decoy = spawn('sleep', ['303'], { cwd: join(directory, 'run'), stdio: 'ignore', detached: true });
  const status = await hostStatus(session, { directory });
  const left = leftovers(status, DAY);
  expect(left.launches).toMatchObject([{ name: 'cc33', state: 'left' }]);
  expect(left.launches[0]?.pids).toContain(pid);
  // Its slot is taken as long as its command lives.
  expect(status.slots.filter(({ holder }) => holder !== null)).toHaveLength(2);

  const outcomes = await cleanHost(session, { directory }, left, DAY);
  expect(outcomes).toContainEqual({ kind: 'launch', name: 'cc33', keptBecause: null });
  expect(outcomes).toContainEqual({ kind: 'process', name: String(pid), keptBecause: null });
  await until('the process to be gone', () => !isAlive(pid));
  expect(existsSync(join(directory, 'run', 'cc33'))).toBe(false);
  expect(isAlive(other.pid)).toBe(true);
  expect(isAlive(decoy.pid ?? 0)).toBe(true);
  decoy.kill('SIGKILL');
  await other.release();
});

test('what is asked to be cleaned and is in use again stays', async () => {
  const directory = inFolder('host', 'again');
  const running = await launch(directory, 'dd44');
  const shown = { launches: [{ name: 'dd44', state: 'left' as const, ageSeconds: 99, pids: [] }], artifacts: [] };
  expect(await cleanHost(session, { directory }, shown, DAY)).toEqual([
    { kind: 'launch', name: 'dd44', keptBecause: 'in use' },
  ]);
  expect(isAlive(running.pid)).toBe(true);
  await running.release();
});

test('artifacts go by age, and one that was used since it was shown stays', async () => {
  const directory = inFolder('host', 'store');
  const artifact = (name: string, days: number): string => {
    const path = join(directory, 'store', name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'OVMF.fd'), Buffer.alloc(10_000));
    const at = Date.now() / 1000 - days * DAY;
    utimesSync(path, at, at);
    return path;
  };
  const [old, young, used] = [artifact('a'.repeat(64), 40), artifact('b'.repeat(64), 2), artifact('c'.repeat(64), 40)];
  const left = leftovers(await hostStatus(session, { directory }), 30 * DAY);
  expect(left.artifacts.map(({ name }) => name[0])).toEqual(['a', 'c']);
  expect(left.artifacts[0]?.kib).toBeGreaterThanOrEqual(10);
  utimesSync(used ?? '', Date.now() / 1000, Date.now() / 1000);
  const outcomes = await cleanHost(session, { directory }, left, 30 * DAY);
  expect(outcomes.map(({ name, keptBecause }) => [name[0], keptBecause])).toEqual([
    ['a', null],
    ['c', 'used meanwhile'],
  ]);
  expect([old, young, used].map((path) => existsSync(path ?? ''))).toEqual([false, true, true]);
});

test('names that lead elsewhere are not touched', async () => {
  const directory = inFolder('host', 'names');
  mkdirSync(join(directory, 'run'), { recursive: true });
  mkdirSync(join(directory, 'precious'));
  const launches = ['../precious', '.', '..', ''].map((name) => ({
    name,
    state: 'left' as const,
    ageSeconds: 0,
    pids: [],
  }));
  const outcomes = await cleanHost(session, { directory }, { launches, artifacts: [] }, DAY);
  expect(outcomes.every(({ keptBecause }) => keptBecause !== null)).toBe(true);
  expect(existsSync(join(directory, 'precious'))).toBe(true);
});

test('whatever a host says is read without an error, and no more than can be', () => {
  const words = fc.constantFrom(
    'slot ',
    '1 free',
    'held x',
    'live ',
    'left ',
    'process 1 ',
    'artifact ',
    'a 1 2',
    '\n',
    '../',
    '9'.repeat(30),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ unit: 'binary' }))), (parts) => {
      const status = parseStatus(parts.join(''));
      for (const { name } of [...status.launches, ...status.artifacts]) assert.match(name, /^[\w.-]+$/);
      for (const { slot } of status.slots) assert(slot < 10_000);
    }),
  );
  expect(parseStatus('live x 1\n'.repeat(50_000)).launches.length).toBeLessThanOrEqual(10_000);
});
