import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalSession } from '../../lib/host/local-session.ts';
import { type SupervisedOptions, startSupervised } from '../../lib/host/supervisor.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { bundled } from '../support/bundled.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { sshOptions } from './lab.ts';
import { groupGone, launchOptions, livingIn, membersOf, WRAPPER } from './launches.ts';

// Each waits for times to run out; together they wait once.
test.describe.configure({ mode: 'parallel' });

const CONTROLLER = bundled('test', 'host', 'supervised-controller.ts');
let sshd: Sshd;
let root: string;
test.beforeAll(async () => {
  sshd = await startSshd();
  root = await mkdtemp(join(tmpdir(), 'snp-supervisor-'));
});
test.afterAll(async () => {
  await sshd.stop();
  await rm(root, { recursive: true, force: true });
});

function optionsFor(script: string, changes: Partial<SupervisedOptions> = {}): SupervisedOptions {
  return launchOptions(root, script, changes);
}

test.describe('a controller that fails', () => {
  async function startController(overSsh: boolean, options: SupervisedOptions) {
    const ssh = overSsh ? sshOptions(sshd, { keepaliveMs: 60_000 }) : null;
    const args = [CONTROLLER, JSON.stringify(ssh), JSON.stringify(options)];
    const controller: ChildProcess = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    controller.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until('the controller to start', () => said.includes('\n'), 20_000);
    return { controller, pid: Number(said) };
  }

  for (const overSsh of [true, false]) {
    const kind = overSsh ? 'over SSH' : 'local';

    test(`killed, ${kind}: nothing is left on the host after 2 s`, async () => {
      const options = optionsFor(WRAPPER, { heartbeatSeconds: 30 });
      const { controller, pid } = await startController(overSsh, options);
      await until('the wrapper with all its children', () => membersOf(pid).length > 2);
      controller.kill('SIGKILL');
      await groupGone(pid);
      await until('the directory to be gone', () => !existsSync(options.directory), 2000);
      await until('the supervisor to be gone', () => livingIn(options.directory).length === 0, 2000);
    });

    test(`stopped, ${kind}: nothing is left once the silence is too long`, async () => {
      const options = optionsFor(WRAPPER, { heartbeatSeconds: 2 });
      const { controller, pid } = await startController(overSsh, options);
      controller.kill('SIGSTOP');
      try {
        await groupGone(pid, 4000);
        await until('the directory to be gone', () => !existsSync(options.directory), 2000);
      } finally {
        controller.kill('SIGKILL');
      }
    });
  }
});

test('a supervisor that is killed takes the command with it as soon as its time is over', async () => {
  const session = new LocalSession('here');
  // The sleeper in the group waits ten seconds longer than the supervisor would.
  const options = optionsFor(WRAPPER, { maxSeconds: 1 });
  const launch = await startSupervised(session, options);
  await until('the wrapper', () => existsSync(join(options.directory, 'members')));
  const ended = launch.ended.catch((error: unknown) => error);
  for (const pid of livingIn(options.directory)) {
    if (!membersOf(launch.pid).includes(pid)) process.kill(pid, 'SIGKILL');
  }
  expect(await ended).toMatchObject({ code: 'HOST_COMMAND', what: expect.stringContaining('before its command') });
  await groupGone(launch.pid, 15_000);
  await launch.release();
  await session.close();
});

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

test('a holder that lost its supervisor keeps nobody from cleaning, and ends with the command', async () => {
  const session = new LocalSession('here');
  const options = optionsFor('exec sleep 300', { heartbeatSeconds: 1 });
  const launch = await startSupervised(session, options);
  launch.ended.catch(() => undefined);
  process.kill(parentOf(parentOf(launch.pid)), 'SIGKILL');
  const live = join(options.directory, '.live');
  await until('the directory to be seen as left', () => spawnSync('flock', ['-n', live, 'true']).status === 0);
  expect(membersOf(launch.pid)).toContain(launch.pid);
  process.kill(-launch.pid, 'SIGKILL');
  await until('the holder to be gone', () => livingIn(options.directory).length === 0);
  await launch.release();
  await session.close();
});

test('a holder that is killed does not save the command', async () => {
  const session = new LocalSession('here');
  const options = optionsFor(WRAPPER);
  const launch = await startSupervised(session, options);
  await until('the wrapper', () => existsSync(join(options.directory, 'members')));
  process.kill(parentOf(launch.pid), 'SIGKILL');
  await launch.release();
  await groupGone(launch.pid);
  expect(existsSync(options.directory)).toBe(false);
  await session.close();
});
