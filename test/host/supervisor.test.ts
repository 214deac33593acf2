import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalSession } from '../../lib/host/local-session.ts';
import type { Session } from '../../lib/host/session.ts';
import { type SupervisedOptions, startSupervised, supervised } from '../../lib/host/supervisor.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { openLabSession } from './lab.ts';
import { groupGone, launchOptions, livingIn, membersOf, WRAPPER } from './launches.ts';

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

/** A session whose supervisor runs in another shell. */
function withShell(session: Session, shell: readonly string[]): Session {
  return new Proxy(session, {
    get: (target, name) => {
      if (name === 'start') return (argv: readonly string[]) => target.start([...shell, ...argv.slice(1)]);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** A folder with nothing but busybox, under all its names. */
function busyboxFolder(busybox: string): string {
  const folder = join(root, 'busybox');
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  for (const name of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n')) {
    if (name !== '') symlinkSync(busybox, join(folder, name));
  }
  return folder;
}

const kinds: Record<string, () => Promise<Session | undefined>> = {
  'over SSH': () => openLabSession(sshd),
  local: async () => new LocalSession('here'),
  'local, in dash': async () =>
    findProgram('dash') === undefined ? undefined : withShell(new LocalSession('here'), ['dash']),
  'local, in bash': async () =>
    findProgram('bash') === undefined ? undefined : withShell(new LocalSession('here'), ['bash', '--posix']),
  'local, in busybox': async () => {
    const busybox = findProgram('busybox');
    if (busybox === undefined) return undefined;
    const folder = busyboxFolder(busybox);
    return withShell(new LocalSession('here'), ['env', '-i', `PATH=${folder}`, join(folder, 'sh')]);
  },
};

for (const [kind, open] of Object.entries(kinds)) {
  test.describe(`supervision ${kind}`, () => {
    let session: Session;
    test.beforeAll(async () => {
      const opened = await open();
      test.skip(opened === undefined, 'this shell is not installed');
      if (opened !== undefined) session = opened;
    });
    test.afterAll(async () => {
      await session?.close();
    });

    test('runs the command in its directory, keeps its output, and removes both at release', async () => {
      const options = optionsFor('echo out "$GREETING"; echo err >&2; pwd; cat; exit 4', {
        environment: { GREETING: "it's $HOME" },
      });
      const launch = await startSupervised(session, options);
      expect(await launch.ended).toEqual({ exitCode: 4 });
      expect(readFileSync(join(options.directory, 'stdout'), 'utf8')).toBe(`out it's $HOME\n${options.directory}\n`);
      expect(readFileSync(join(options.directory, 'stderr'), 'utf8')).toBe('err\n');
      expect((await stat(options.directory)).mode & 0o777).toBe(0o700);
      await launch.release();
      expect(existsSync(options.directory)).toBe(false);
      await launch.release();
      // The timeout of busybox leaves a watcher that looks once a second whether it is still needed.
      await until('the last process to be gone', () => livingIn(options.directory).length === 0, 2000);
    });

    test('leads a process group of its own with the id it names', async () => {
      const options = optionsFor('echo $$ > own; exec sleep 300');
      const launch = await startSupervised(session, options);
      await until('the command', () => existsSync(join(options.directory, 'own')));
      await until('its id', () => readFileSync(join(options.directory, 'own'), 'utf8') === `${launch.pid}\n`);
      expect(membersOf(launch.pid)).toContain(launch.pid);
      await launch.release();
      await groupGone(launch.pid);
    });

    test('kills a deaf wrapper with all it started, and keeps the directory until release', async () => {
      const options = optionsFor(WRAPPER);
      const launch = await startSupervised(session, options);
      await until('the wrapper', () => existsSync(join(options.directory, 'members')));
      await launch.kill();
      expect(await launch.ended).toEqual({ exitCode: 137 });
      await groupGone(launch.pid);
      expect(existsSync(join(options.directory, 'members'))).toBe(true);
      await launch.kill();
      await launch.release();
      expect(existsSync(options.directory)).toBe(false);
    });

    test('release kills what still runs', async () => {
      const options = optionsFor(WRAPPER);
      const launch = await startSupervised(session, options);
      await launch.release();
      await groupGone(launch.pid);
      expect(existsSync(options.directory)).toBe(false);
      expect(await launch.ended).toEqual({ exitCode: 137 });
    });

    test('ends what a command leaves behind in its group', async () => {
      const options = optionsFor('sleep 300 & echo left; exit 0');
      const launch = await startSupervised(session, options);
      expect(await launch.ended).toEqual({ exitCode: 0 });
      await groupGone(launch.pid);
      expect(readFileSync(join(options.directory, 'stdout'), 'utf8')).toBe('left\n');
      await launch.release();
    });

    test('says the signal that ended the command', async () => {
      const launch = await startSupervised(session, optionsFor('kill -ABRT $$'));
      expect(await launch.ended).toEqual({ exitCode: 134 });
      await launch.release();
    });

    test('says 127 of a program that is not there', async () => {
      const options = optionsFor('', { argv: ['/nonexistent/qemu'] });
      const launch = await startSupervised(session, options);
      expect(await launch.ended).toEqual({ exitCode: 127 });
      expect(readFileSync(join(options.directory, 'stderr'), 'utf8')).toContain('/nonexistent/qemu');
      await launch.release();
    });

    test('bounds each output file and lets the command go on', async () => {
      const options = optionsFor('head -c 3000000 /dev/zero; head -c 50 /dev/zero >&2; exit 6', {
        maxOutputBytes: 100_000,
      });
      const launch = await startSupervised(session, options);
      expect(await launch.ended).toEqual({ exitCode: 6 });
      expect((await stat(join(options.directory, 'stdout'))).size).toBe(100_000);
      expect((await stat(join(options.directory, 'stdout.tail'))).size).toBe(100_000);
      expect((await stat(join(options.directory, 'stderr'))).size).toBe(50);
      expect(existsSync(join(options.directory, 'stderr.tail'))).toBe(false);
      await launch.release();
    });

    test('refuses a directory that is there already, and leaves it alone', async () => {
      const options = optionsFor('exit 0');
      mkdirSync(options.directory, { recursive: true });
      await expect(startSupervised(session, options)).rejects.toMatchObject({
        code: 'HOST_COMMAND',
        what: expect.stringContaining('exists'),
      });
      expect(existsSync(options.directory)).toBe(true);
    });

    test('ends the command when the session is closed', async () => {
      const other = await open();
      if (other === undefined) return;
      const options = optionsFor(WRAPPER);
      const launch = await startSupervised(other, options);
      const ended = launch.ended.catch((error: unknown) => error);
      await other.close();
      expect(await ended).toMatchObject({ code: 'SSH_LOST' });
      await groupGone(launch.pid);
      await until('the directory to be gone', () => !existsSync(options.directory), 2000);
      await until('the last process to be gone', () => livingIn(options.directory).length === 0, 2000);
      await launch.release();
    });

    test('leaves nothing, however early the end comes', async () => {
      const early = Array.from({ length: 12 }, () => optionsFor(WRAPPER));
      await Promise.all(
        early.map(async (options, number) => {
          const supervisor = await session.start(supervised(options));
          await new Promise((resolve) => setTimeout(resolve, number));
          supervisor.end();
          await supervisor.ended;
          expect(existsSync(options.directory)).toBe(false);
          await until('the last process to be gone', () => livingIn(options.directory).length === 0, 2000);
        }),
      );
    });

    test('runs ten commands at once, each with its own end', async () => {
      const runs = await Promise.all(
        Array.from({ length: 10 }, (_, number) => startSupervised(session, optionsFor(`sleep 0.2; exit ${number}`))),
      );
      const ends = await Promise.all(runs.map((launch) => launch.ended));
      expect(ends.map((end) => end.exitCode)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await Promise.all(runs.map((launch) => launch.release()));
    });
  });
}

/** Does the same over every way and in every shell that is here, side by side: it is time that must pass. */
async function everywhere(work: (session: Session) => Promise<void>): Promise<void> {
  await Promise.all(
    Object.values(kinds).map(async (open) => {
      const session = await open();
      if (session === undefined) return;
      await work(session).finally(() => session.close());
    }),
  );
}

test('ends a command that is over its time, and says so, in every shell', async () => {
  await everywhere(async (session) => {
    const options = optionsFor(WRAPPER, { maxSeconds: 1, heartbeatSeconds: 2 });
    const launch = await startSupervised(session, options);
    await expect(launch.ended).rejects.toMatchObject({ code: 'HOST_TIMEOUT', what: expect.stringContaining('1 s') });
    await until('the directory to be gone', () => !existsSync(options.directory));
    await groupGone(launch.pid);
    await launch.kill();
    await launch.release();
  });
});

test('ends a command whose controller is there and silent, and says so, in every shell', async () => {
  await everywhere(async (session) => {
    const options = optionsFor(WRAPPER, { heartbeatSeconds: 1 });
    const supervisor = await session.start(supervised(options));
    const said: string[] = [];
    for await (const line of supervisor.lines) said.push(line);
    expect(said).toEqual([expect.stringMatching(/^pid /), 'stop 125', 'end', 'exit 137']);
    expect(await supervisor.ended).toMatchObject({ exitCode: 125 });
    expect(existsSync(options.directory)).toBe(false);
  });
});

test('keeps a command alive over many heartbeats, in every shell', async () => {
  await everywhere(async (session) => {
    const options = optionsFor('sleep 2; echo done', { heartbeatSeconds: 1 });
    const launch = await startSupervised(session, options);
    expect(await launch.ended).toEqual({ exitCode: 0 });
    await launch.release();
  });
});

test('what left the group and holds the output open delays neither the end nor the release for long', async () => {
  const leaving = "setsid sh -c 'echo $$ >escaped; exec sleep 300' & until [ -s escaped ]; do sleep 0.05; done";
  const escaped = (directory: string): number => {
    const file = join(directory, 'escaped');
    return existsSync(file) ? Number(readFileSync(file, 'latin1')) : 0;
  };
  await everywhere(async (session) => {
    const [ends, released] = [optionsFor(`${leaving}; exit 3`), optionsFor(`${leaving}; sleep 300`)];
    const [first, second] = await Promise.all([startSupervised(session, ends), startSupervised(session, released)]);
    await until('both to be away', () => [ends, released].every(({ directory }) => escaped(directory) > 0));
    const away = [ends, released].map(({ directory }) => escaped(directory));
    try {
      const [end] = await Promise.all([first.ended, second.release()]);
      expect(end).toEqual({ exitCode: 3 });
      expect(existsSync(released.directory)).toBe(false);
      await first.release();
      expect(existsSync(ends.directory)).toBe(false);
    } finally {
      for (const pid of away) process.kill(pid, 'SIGKILL');
    }
  });
});

const refusals: [string, Partial<SupervisedOptions>][] = [
  ['a relative directory', { directory: 'launches/1' }],
  ['the root', { directory: '/' }],
  ['a directory of the root', { directory: '/launch' }],
  ['a directory with ..', { directory: '/var/tmp/../x' }],
  ['a directory with a slash at its end', { directory: '/var/tmp/x/' }],
  ['no program', { argv: [] }],
  ['a program that env would take for a variable', { argv: ['a=b'] }],
  ['a program that looks like an option', { argv: ['-i'] }],
  ['a run time of half a second', { maxSeconds: 0.5 }],
  ['no heartbeat', { heartbeatSeconds: 0 }],
  ['a variable name with a space', { environment: { 'A B': '1' } }],
];
for (const [what, changes] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => supervised(optionsFor('exit 0', changes))).toThrow('ARGUMENT_INVALID');
  });
}
