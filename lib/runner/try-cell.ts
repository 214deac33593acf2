import { asHarnessError, type ErrorCode, HarnessError } from '../errors.ts';
import type { Attempt } from '../evidence/attempt.ts';
import type { Limits } from '../host/limits.ts';
import { judge } from '../judge/judge.ts';
import { summarise } from '../judge/summary.ts';
import type { PredictedEvidence } from './outcome.ts';
import { type RetryRule, retryRule } from './retry-rules.ts';

/** A host that may try a cell. */
export interface Candidate {
  name: string;
  limits: Pick<Limits, 'attempts' | 'backoffSeconds' | 'failuresInARow'>;
  /** Launches once. @throws HarnessError */
  launch(): Promise<PredictedEvidence>;
  /** Troubles of this host since something last worked there. */
  failuresInARow(): string[];
  /** Tells how an attempt ended. @param trouble what counts against the host; null: it worked */
  tell(trouble: HarnessError | null): void;
}

/** Time and chance, for the pauses between attempts. */
export interface Pauses {
  now(): Date;
  elapsedMs(): number;
  /** Rejects when the signal aborts. */
  pause(ms: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

/** What came of a cell, after all attempts. */
export interface Tried {
  /** Undefined: no attempt gave any. */
  result: PredictedEvidence | undefined;
  /** What stood in the way of the last attempt; undefined where it gave evidence that says something. */
  trouble: HarnessError | undefined;
  attempts: Attempt[];
  /** Of every host that was not asked because it is set aside. */
  setAside: HarnessError[];
}

const MAX_WHAT = 2000;

/** Evidence that says nothing of the thing under test is a failure of the lab as much as an error is. */
function troubleOf({ prediction, evidence }: PredictedEvidence): HarnessError | undefined {
  const verdict = judge(prediction, evidence);
  if (verdict.result !== 'infrastructure') return undefined;
  const broken: ErrorCode = evidence.outcome.state === 'silent' ? 'GUEST_SILENT' : 'LAUNCH_BROKEN';
  const code = evidence.attestation?.trouble?.code ?? broken;
  return new HarnessError({ code, what: summarise(verdict), where: `host ${evidence.host.name}` });
}

function setAside({ name, limits, failuresInARow }: Candidate): HarnessError | undefined {
  const failures = failuresInARow();
  if (failures.length < limits.failuresInARow) return undefined;
  return new HarnessError({
    code: 'HOST_SET_ASIDE',
    what: `host ${name} is set aside for this run: it failed ${failures.length} times in a row, lastly with ${failures.at(-1)}`,
    where: `host ${name}`,
    hint: `see \`snp-conform hosts check ${name}\`, mend it, and go on with \`snp-conform run --resume\``,
  });
}

/** Twice as long each time, and a quarter more or less, so that workers that failed together do not come back together. */
function pauseMs(backoffSeconds: number, attempt: number, random: number): number {
  return backoffSeconds * 1000 * 2 ** (attempt - 1) * (0.75 + random / 2);
}

/**
 * Tries a cell on its host, again after a pause where the lab failed, and then on others of the same kind. What the thing
 * under test does is never tried again.
 * @param candidates the cell's own host first   @throws HarnessError of any kind but the lab's
 */
export async function tryCell(candidates: readonly Candidate[], pauses: Pauses): Promise<Tried> {
  const tried: Tried = { result: undefined, trouble: undefined, attempts: [], setAside: [] };
  for (const candidate of candidates) {
    const rule = await tryOn(candidate, pauses, tried);
    if (rule === undefined || rule.elsewhere === 'no') break;
  }
  return tried;
}

/** @returns what follows from the last failure there; undefined where there was none */
async function tryOn(candidate: Candidate, pauses: Pauses, tried: Tried): Promise<RetryRule | undefined> {
  for (let attempt = 1; ; attempt++) {
    const aside = setAside(candidate);
    if (aside !== undefined) {
      // What came of it elsewhere, or before, says more than that nobody tries here.
      tried.trouble ??= aside;
      tried.setAside.push(aside);
      return retryRule(aside.code);
    }
    const rule = await tryOnce(candidate, pauses, tried);
    if (rule === undefined) return undefined;
    const most =
      rule.onSameHost === 'limits' ? candidate.limits.attempts : Math.min(rule.onSameHost, candidate.limits.attempts);
    if (attempt >= most) return rule;
    await pauses.pause(pauseMs(candidate.limits.backoffSeconds, attempt, pauses.random()));
  }
}

async function tryOnce(candidate: Candidate, pauses: Pauses, tried: Tried): Promise<RetryRule | undefined> {
  const startedAt = pauses.now().toISOString();
  const mark = pauses.elapsedMs();
  let trouble: HarnessError | undefined;
  try {
    const result = await candidate.launch();
    trouble = troubleOf(result);
    tried.result = result;
  } catch (thrown) {
    trouble = asHarnessError(thrown, { code: 'INTERNAL', where: `host ${candidate.name}` });
  }
  tried.trouble = trouble;
  tried.attempts.push({
    host: candidate.name,
    startedAt,
    durationMs: pauses.elapsedMs() - mark,
    trouble:
      trouble === undefined ? null : { code: trouble.code, what: trouble.what.slice(0, MAX_WHAT).toWellFormed() },
  });
  if (trouble === undefined) {
    candidate.tell(null);
    return undefined;
  }
  const rule = retryRule(trouble.code);
  if (rule === undefined) throw trouble;
  if (rule.blames === 'host') candidate.tell(trouble);
  return rule;
}
