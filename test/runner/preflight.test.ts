import type { ErrorCode } from '../../lib/errors.ts';
import type { HostReport } from '../../lib/evidence/host-report.ts';
import { hostsSchema } from '../../lib/host/hosts-schema.ts';
import { preflightHosts } from '../../lib/runner/preflight.ts';
import { expect, test } from '../support/test.ts';

type Seen = 'ready' | 'unfit' | readonly ErrorCode[];

function reportOf(name: string, seen: Seen): HostReport {
  const codes = typeof seen === 'string' ? [] : seen;
  return {
    format: 'snp-conform/host@1',
    name,
    checkedAt: '2026-01-01T00:00:00.000Z',
    state: typeof seen === 'string' ? seen : 'out',
    findings: codes.map((code) => ({ level: 'error', code, what: `${code} happened`, fix: null })),
    facts: null,
    provenance: null,
    slots: { configured: 1, usable: 0, boundBy: 'host', why: null },
  };
}

/** Looks at hosts that show themselves as the test says, look after look. */
async function preflight(
  hosts: Readonly<Record<string, readonly Seen[]>>,
  { limits = {}, mode = 'run' }: { limits?: Readonly<Record<string, number>>; mode?: 'run' | 'check' } = {},
) {
  const { hosts: entries } = hostsSchema.parse({
    format: 'snp-conform/hosts@1',
    hosts: Object.keys(hosts).map((name) => ({ kind: 'local', name, directory: '/tmp/none', slots: 1, limits })),
  });
  /** What happened, in its order: looks, pauses and reports by the name of their host. */
  const events: string[] = [];
  const told: string[] = [];
  const looks = new Map<string, number>();
  const paused: { ms: number; goOn(): void }[] = [];
  const running = preflightHosts(
    entries,
    async ({ name }) => {
      const look = (looks.get(name) ?? 0) + 1;
      looks.set(name, look);
      const seen = hosts[name]?.[look - 1];
      if (seen === undefined) throw new Error(`${name} was looked at ${look} times`);
      events.push(`look ${name}`);
      return reportOf(name, seen);
    },
    {
      onReport: ({ name, state }) => void events.push(`${state} ${name}`),
      ...(mode === 'run' && {
        again: {
          pause: (ms) => new Promise<void>((resolve) => paused.push({ ms, goOn: resolve })),
          tell: (sentence) => told.push(sentence),
        },
      }),
    },
  );
  // All that can happen without the end of a pause.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  events.push('pauses end');
  for (const { goOn } of paused) goOn();
  return { reports: await running, events, told, pauses: paused.map(({ ms }) => ms) };
}

test('a host whose trouble may pass is looked at once more after its pause, and nobody waits for it', async () => {
  const { reports, events, told, pauses } = await preflight({
    lost: [['SSH_LOST'], 'ready'],
    good: ['ready'],
    down: [['SSH_CONNECT'], ['HOST_TIMEOUT']],
  });
  expect(events).toEqual([
    ...['look lost', 'look good', 'look down', 'ready good', 'pauses end'],
    ...['look lost', 'look down', 'ready lost', 'out down'],
  ]);
  expect(pauses).toEqual([2000, 2000]);
  expect(told).toEqual([
    'host lost: looked at again after SSH_LOST, and ready',
    'host down: looked at again after SSH_CONNECT, and still out: HOST_TIMEOUT',
  ]);
  expect(reports.map(({ name, state }) => `${name} ${state}`)).toEqual(['lost ready', 'good ready', 'down out']);
  expect(reports[0]?.findings).toEqual([
    { level: 'note', code: null, what: 'it was looked at again after SSH_LOST: SSH_LOST happened', fix: null },
  ]);
  expect(reports[2]?.findings.map(({ level, code }) => [level, code])).toEqual([
    ['error', 'HOST_TIMEOUT'],
    ['note', null],
  ]);
});

test('of more hosts than are looked at side by side, none waits for the pause of another', async () => {
  const down = Array.from({ length: 20 }, (_, index) => [`down-${index}`, [['SSH_CONNECT'], 'ready']] as const);
  const { events } = await preflight({ ...Object.fromEntries<readonly Seen[]>(down), good: ['ready'] });
  expect(events.indexOf('ready good')).toBeLessThan(events.indexOf('pauses end'));
});

test('what no second look changes is told at once', async () => {
  const wrong: readonly ErrorCode[] = [
    ...(['SSH_AUTH', 'SSH_HOST_KEY', 'HOSTS_INVALID', 'FILE_UNREADABLE', 'HOST_SNP', 'HOST_DEVICE'] as const),
    ...(['HOST_FIRMWARE', 'HOST_QEMU', 'HOST_DISK', 'HOST_PROGRAMS', 'NATIVE_BUILD', 'INTERNAL'] as const),
  ];
  const hosts = wrong.map((code) => [code.toLowerCase().replaceAll('_', '-'), [[code]]] as const);
  const { told, pauses } = await preflight({
    ...Object.fromEntries<readonly Seen[]>(hosts),
    // One of two troubles stays, and the host is out with it.
    both: [['HOST_CBITPOS', 'HOST_DISK']],
    unfit: ['unfit'],
  });
  expect(pauses).toEqual([]);
  expect(told).toEqual([]);
});

test('limits say how long the pause is, half a minute at most, and whether anything is tried again', async () => {
  const killed = { x: [['HOST_CBITPOS'], 'ready'] } as const;
  expect((await preflight(killed, { limits: { backoffSeconds: 0.5 } })).pauses).toEqual([500]);
  expect((await preflight(killed, { limits: { backoffSeconds: 600 } })).pauses).toEqual([30_000]);
  expect((await preflight(killed, { limits: { attempts: 1 } })).reports[0]?.state).toBe('out');
});

test('hosts check, which names no pause, looks once', async () => {
  const { reports, events } = await preflight({ x: [['SSH_CONNECT'], 'ready'] }, { mode: 'check' });
  expect(events).toEqual(['look x', 'out x', 'pauses end']);
  expect(reports[0]?.findings).toHaveLength(1);
});
