import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HarnessError } from '../../lib/errors.ts';
import { type DestructiveMeans, performDestructive } from '../../lib/host/destructive.ts';
import type { HostEntry } from '../../lib/host/hosts-file.ts';
import { LocalSession } from '../../lib/host/local-session.ts';
import type { CommandResult, RunOptions, Session } from '../../lib/host/session.ts';
import { LAUNCH_VARIABLE, startSupervised } from '../../lib/host/supervisor.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const inFolder = testFolder();

function entry(change: Partial<HostEntry> = {}): HostEntry {
  const base = { name: 'milan-1', kind: 'local', slots: 1, tags: [], directory: inFolder('host', 'files') } as const;
  return { ...base, qemu: { default: '/q' }, ...change } as HostEntry;
}

const there = (argv: string[], backSeconds = 1) => ({ run: 'there', argv, timeoutSeconds: 5, backSeconds }) as const;

/** A machine whose boot id is what the test says; every other command is the real one. */
function machine(boots: readonly (string | undefined)[]): DestructiveMeans & { commands: string[][] } {
  let opened = 0;
  const commands: string[][] = [];
  return {
    commands,
    pollMs: 5,
    open: async () => {
      const boot = boots[Math.min(opened, boots.length - 1)];
      opened += 1;
      if (boot === undefined) throw new HarnessError({ code: 'SSH_CONNECT', what: 'no connection' });
      const real = new LocalSession('milan-1');
      const run = async (argv: readonly string[], options?: RunOptions): Promise<CommandResult> => {
        commands.push([...argv]);
        if (argv[1]?.endsWith('boot_id')) return { exitCode: 0, stdout: `${boot}\n`, stderr: '' };
        return real.run(argv, options);
      };
      return Object.assign(Object.create(real) as Session, { run, close: () => real.close() });
    },
  };
}

test('without the consent of the host nothing is done, whatever the command line says', async () => {
  const mark = inFolder('mark-consent');
  for (const destructive of [undefined, [], ['power-cycle' as const]]) {
    const host = entry({ destructive, power: { reboot: there(['touch', mark]) } });
    expect(await rejection(performDestructive(host, { action: 'reboot' }, machine(['a', 'b'])))).toMatchObject({
      code: 'DESTRUCTIVE_REFUSED',
    });
  }
  expect(existsSync(mark)).toBe(false);
});

test('a reboot is over when the host answers after another start', async () => {
  const host = entry({ destructive: ['reboot'], power: { reboot: there(['true'], 20) } });
  const lab = machine(['first', 'first', undefined, undefined, 'second']);
  await performDestructive(host, { action: 'reboot' }, lab);
  expect(lab.commands.filter((argv) => argv[1]?.endsWith('boot_id'))).toHaveLength(3);
});

test('a host that never went down, and one that never came back, are told apart', async () => {
  const host = entry({ destructive: ['reboot'], power: { reboot: there(['true']) } });
  expect(await rejection(performDestructive(host, { action: 'reboot' }, machine(['same'])))).toMatchObject({
    code: 'HOST_TIMEOUT',
    what: expect.stringContaining('never went down'),
  });
  const gone = (await rejection(
    performDestructive(host, { action: 'reboot' }, machine(['a', undefined])),
  )) as HarnessError;
  expect(gone.what).not.toContain('never went down');
});

test('a host that is down is power-cycled from here, and only where hosts.json says how', async () => {
  const mark = inFolder('mark-cycle');
  const cycle = { run: 'here' as const, argv: ['touch', mark], timeoutSeconds: 5, backSeconds: 20 };
  const host = entry({ destructive: ['power-cycle'], power: { cycle } });
  await performDestructive(host, { action: 'power-cycle' }, machine([undefined, undefined, 'up']));
  expect(existsSync(mark)).toBe(true);
  const bare = entry({ destructive: ['power-cycle'] });
  expect(await rejection(performDestructive(bare, { action: 'power-cycle' }, machine(['a'])))).toMatchObject({
    code: 'DESTRUCTIVE_REFUSED',
    what: expect.stringContaining('how to power-cycle'),
  });
});

test('a hook that fails is named with its words', async () => {
  const host = entry({
    destructive: ['reboot'],
    power: { reboot: there(['sh', '-c', 'echo no such BMC >&2; exit 4']) },
  });
  expect(await rejection(performDestructive(host, { action: 'reboot' }, machine(['a', 'b'])))).toMatchObject({
    code: 'POWER_HOOK',
    what: 'the command ended with exit code 4: no such BMC',
  });
});

test('a host on which a guest runs is left alone', async () => {
  const mark = inFolder('mark-busy');
  const host = entry({ destructive: ['reboot'], power: { reboot: there(['touch', mark]) } });
  const session = new LocalSession('milan-1');
  const directory = join(host.directory, 'run', 'ee55');
  const slot = { folder: join(host.directory, 'slots'), count: 1, waitSeconds: 1, holder: 'somebody else' };
  const environment = { [LAUNCH_VARIABLE]: directory };
  const argv = ['sleep', '301'];
  const guest = await startSupervised(session, {
    directory,
    argv,
    environment,
    maxSeconds: 60,
    heartbeatSeconds: 30,
    slot,
  });
  expect(await rejection(performDestructive(host, { action: 'reboot' }, machine(['a', 'b'])))).toMatchObject({
    code: 'HOST_BUSY',
    what: expect.stringContaining('somebody else'),
  });
  expect(existsSync(mark)).toBe(false);
  await guest.release();
  await session.close();
});

test('the firmware gets the command and the bytes of the specification, and an emulated host none', async () => {
  const lab = machine(['a']);
  const host = entry({ destructive: ['firmware-commit', 'tcb-config'] });
  // This machine has no /dev/sev: what matters is what would have been asked.
  await rejection(performDestructive(host, { action: 'firmware-commit' }, lab));
  await rejection(performDestructive(host, { action: 'tcb-config', reportedTcb: 0xd315_0000_0000_0004n }, lab));
  const asked = lab.commands.filter((argv) => argv[2]?.includes('/dev/sev')).map((argv) => argv.slice(-2));
  expect(asked).toEqual([
    ['10', ''],
    ['11', `04000000000015d3${'00'.repeat(56)}`],
  ]);
  const emulated = { ...host, emulation: { profile: 'upstream-6.12' } } as HostEntry;
  expect(await rejection(performDestructive(emulated, { action: 'firmware-commit' }, lab))).toMatchObject({
    code: 'DESTRUCTIVE_REFUSED',
  });
});
