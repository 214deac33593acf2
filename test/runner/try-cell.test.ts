import { type ErrorCode, HarnessError } from '../../lib/errors.ts';
import type { Evidence } from '../../lib/evidence/schema.ts';
import { type Candidate, type Pauses, tryCell } from '../../lib/runner/try-cell.ts';
import { evidence, prediction, refusal, refusedAtFinish } from '../judge/made-evidence.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

type Step = ErrorCode | 'pass' | 'mismatch' | 'silent' | 'machine';

const NO_ASID = refusal('SNP_LAUNCH_START', -5, 23, 'Required firmware resource depleted');

const OUTCOMES: Record<'pass' | 'mismatch' | 'silent' | 'machine', Evidence> = {
  pass: evidence(),
  mismatch: refusedAtFinish(11, 'Bad measurement'),
  silent: evidence({ outcome: { state: 'silent', exitCode: null, report: null } }),
  machine: evidence({ outcome: { state: 'refused', exitCode: 1, report: null, trace: [], refusal: NO_ASID } }),
};

const isOutcome = (step: Step): step is keyof typeof OUTCOMES => step in OUTCOMES;

/** A host whose attempts end as the test says, one after the other; the last goes on for ever. */
function host(name: string, steps: readonly Step[], limits: Partial<Candidate['limits']> = {}) {
  const launches: Step[] = [];
  const told: (string | null)[] = [];
  const failures: string[] = [];
  const candidate: Candidate = {
    name,
    limits: { attempts: 3, backoffSeconds: 2, failuresInARow: 5, ...limits },
    launch: async () => {
      const step = steps[Math.min(launches.length, steps.length - 1)] ?? 'pass';
      launches.push(step);
      if (!isOutcome(step)) throw new HarnessError({ code: step, what: `${step} happened` });
      return { prediction, evidence: OUTCOMES[step] };
    },
    failuresInARow: () => failures,
    tell: (trouble) => {
      told.push(trouble?.code ?? null);
      if (trouble === null) failures.length = 0;
      else failures.push(trouble.code);
    },
  };
  return { candidate, launches, told, failures };
}

function pauses(): Pauses & { taken: number[] } {
  let elapsed = 0;
  const taken: number[] = [];
  return {
    taken,
    now: () => new Date(1_700_000_000_000 + elapsed),
    elapsedMs: () => elapsed,
    random: () => 0.5,
    pause: async (ms) => {
      taken.push(ms);
      elapsed += ms;
    },
  };
}

const codes = (attempts: { host: string; trouble: { code: string } | null }[]) =>
  attempts.map(({ host: name, trouble }) => `${name} ${trouble?.code ?? 'ok'}`);

test('what works at once is tried once', async () => {
  const own = host('a', ['pass']);
  const time = pauses();
  const tried = await tryCell([own.candidate], time);
  expect(tried.trouble).toBeUndefined();
  expect([codes(tried.attempts), time.taken, own.told]).toEqual([['a ok'], [], [null]]);
});

test('a failure of the lab is tried again after a pause that doubles, and every attempt is kept', async () => {
  const own = host('a', ['SSH_LOST', 'SSH_CONNECT', 'pass']);
  const time = pauses();
  const tried = await tryCell([own.candidate], time);
  expect(codes(tried.attempts)).toEqual(['a SSH_LOST', 'a SSH_CONNECT', 'a ok']);
  expect(time.taken).toEqual([2000, 4000]);
  expect(tried.attempts[0]?.trouble?.what).toBe('SSH_LOST happened');
  expect(tried.result).toBeDefined();
  expect(own.told).toEqual(['SSH_LOST', 'SSH_CONNECT', null]);
});

test('when a host has failed often enough another of its kind tries, as often', async () => {
  const [own, other] = [host('a', ['HOST_TIMEOUT']), host('b', ['SSH_LOST', 'pass'])];
  const tried = await tryCell([own.candidate, other.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a HOST_TIMEOUT', 'a HOST_TIMEOUT', 'a HOST_TIMEOUT', 'b SSH_LOST', 'b ok']);
  expect(tried.trouble).toBeUndefined();
});

test('what the thing under test does is never tried again, not even elsewhere', async () => {
  const [own, other] = [host('a', ['mismatch', 'pass']), host('b', ['pass'])];
  const tried = await tryCell([own.candidate, other.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a ok']);
  expect(tried.result?.evidence.outcome.refusal?.fwError).toBe(11);
  expect([own.told, other.launches]).toEqual([[null], []]);
});

test('wrong input is told at once and counts against no host', async () => {
  const own = host('a', ['ARTIFACT_CHANGED']);
  expect(await rejection(tryCell([own.candidate], pauses()))).toMatchObject({ code: 'ARTIFACT_CHANGED' });
  expect([own.launches.length, own.told]).toEqual([1, []]);
});

test('a machine that cannot launch is tried again, for a slot of its firmware may come free', async () => {
  const own = host('a', ['machine', 'pass']);
  const tried = await tryCell([own.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a LAUNCH_BROKEN', 'a ok']);
  expect(own.told).toEqual(['LAUNCH_BROKEN', null]);
});

test('a silent guest is tried once more and blames no host: it may be the guest that is wrong', async () => {
  const [own, other] = [host('a', ['silent']), host('b', ['pass'])];
  const tried = await tryCell([own.candidate, other.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a GUEST_SILENT', 'a GUEST_SILENT']);
  expect([own.told, other.launches]).toEqual([[], []]);
  expect(tried.result?.evidence.outcome.state).toBe('silent');
});

test('a host that is busy is not waited for again, and not blamed', async () => {
  const [own, other] = [host('a', ['HOST_BUSY']), host('b', ['pass'])];
  const tried = await tryCell([own.candidate, other.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a HOST_BUSY', 'b ok']);
  expect(own.told).toEqual([]);
});

test('a host that failed too often in a row is not asked any more; another of its kind is', async () => {
  const [own, other] = [host('a', ['pass']), host('b', ['pass'])];
  own.failures.push('SSH_LOST', 'SSH_LOST', 'SSH_CONNECT', 'SSH_LOST', 'HOST_TIMEOUT');
  const tried = await tryCell([own.candidate, other.candidate], pauses());
  expect([own.launches, codes(tried.attempts)]).toEqual([[], ['b ok']]);
  expect(tried.setAside.map(({ what }) => what)).toEqual([
    'host a is set aside for this run: it failed 5 times in a row, lastly with HOST_TIMEOUT',
  ]);
  const alone = await tryCell([own.candidate], pauses());
  expect([alone.result, alone.trouble?.code, alone.attempts]).toEqual([undefined, 'HOST_SET_ASIDE', []]);
});

test('a host is set aside in the middle of a cell, and the cell keeps the reason of its last attempt', async () => {
  const own = host('a', ['SSH_LOST'], { attempts: 9, failuresInARow: 2 });
  const tried = await tryCell([own.candidate], pauses());
  expect(codes(tried.attempts)).toEqual(['a SSH_LOST', 'a SSH_LOST']);
  expect(tried.trouble?.code).toBe('SSH_LOST');
});

test('something that is no error of the family is a defect of this tool, tried once', async () => {
  const own = host('a', ['pass']);
  const broken = { ...own.candidate, launch: () => Promise.reject(new TypeError('x is not a function')) };
  const tried = await tryCell([broken], pauses());
  expect(tried.attempts).toMatchObject([{ trouble: { code: 'INTERNAL', what: 'x is not a function' } }]);
});

test('what a host says is kept only so far', async () => {
  const own = host('a', ['pass'], { attempts: 1 });
  const what = 'x'.repeat(100_000);
  const long = { ...own.candidate, launch: () => Promise.reject(new HarnessError({ code: 'HOST_COMMAND', what })) };
  expect((await tryCell([long], pauses())).attempts[0]?.trouble?.what.length).toBe(2000);
});
