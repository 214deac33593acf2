import pLimit from 'p-limit';
import { asHarnessError, EXIT_CODES, type HarnessError } from '../errors.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import {
  type CleanOutcome,
  cleanHost,
  type HostStatus,
  hostStatus,
  leftovers,
} from '../host/housekeeping/housekeeping.ts';
import { openHostSession } from '../host/open-session.ts';
import { plainText } from '../reporters/plain-text.ts';

const AT_ONCE = 16;
const MAX_TEXT = 400;

/** What was asked of one host, or why it could not be. */
type Answer<T> = { host: string; value: T } | { host: string; trouble: HarnessError };

/** Asks hosts side by side; one that does not answer is a trouble of its own. */
function askAll<T>(
  entries: readonly HostEntry[],
  ask: (entry: HostEntry, session: Awaited<ReturnType<typeof openHostSession>>) => Promise<T>,
): Promise<Answer<T>[]> {
  const limit = pLimit(AT_ONCE);
  const one = async (entry: HostEntry): Promise<Answer<T>> => {
    try {
      const session = await openHostSession(entry);
      try {
        return { host: entry.name, value: await ask(entry, session) };
      } finally {
        await session.close();
      }
    } catch (thrown) {
      return { host: entry.name, trouble: asHarnessError(thrown, { code: 'INTERNAL' }) };
    }
  };
  return Promise.all(entries.map((entry) => limit(() => one(entry))));
}

const text = (words: string): string => plainText(words, MAX_TEXT).replaceAll('\n', ' ');

/** `3 d`, `5 h`, `12 min`, `40 s`. */
function ageText(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ] as const;
  const found = units.find(([size]) => seconds >= size);
  return found === undefined ? `${Math.max(0, seconds)} s` : `${Math.floor(seconds / found[0])} ${found[1]}`;
}

const sizeText = (kib: number): string => (kib < 1024 ? `${kib} KiB` : `${Math.round(kib / 1024)} MiB`);

function launchLine({ name, state, ageSeconds, pids }: HostStatus['launches'][number]): string {
  const processes = pids.length === 0 ? 'no process' : `processes ${pids.join(', ')}`;
  return `    launch ${name}: ${state === 'live' ? 'running' : 'LEFT OVER'}, ${ageText(ageSeconds)}, ${processes}`;
}

function statusLines(host: string, status: HostStatus): string[] {
  const held = status.slots.filter(({ holder }) => holder !== null);
  const kib = status.artifacts.reduce((sum, artifact) => sum + artifact.kib, 0);
  return [
    `host ${host}: ${held.length} slots taken, ${status.launches.length} launches, ${status.artifacts.length} artifacts (${sizeText(kib)})`,
    ...held.map(({ slot, holder }) => `    slot ${slot}: ${text(holder ?? '')}`),
    ...status.launches.map(launchLine),
  ];
}

const troubleLines = (host: string, trouble: HarnessError): string[] => [
  `host ${host}: ${trouble.code}: ${text(trouble.what)}`,
  ...(trouble.hint === undefined ? [] : [`      fix: ${text(trouble.hint)}`]),
];

function exitCodeOf(answers: readonly Answer<unknown>[]): number {
  const kinds = answers.flatMap((answer) => ('trouble' in answer ? [answer.trouble.kind] : []));
  if (kinds.length === 0) return EXIT_CODES.ok;
  return kinds.includes('configuration') ? EXIT_CODES.configuration : EXIT_CODES.infrastructure;
}

/** Shows what of ours is on hosts. @returns the exit code */
export async function showStatus(entries: readonly HostEntry[], format: 'text' | 'json'): Promise<number> {
  const answers = await askAll(entries, (entry, session) => hostStatus(session, entry));
  if (format === 'json') {
    const hosts = answers.map((answer) =>
      'trouble' in answer
        ? { name: answer.host, trouble: { code: answer.trouble.code, what: answer.trouble.what } }
        : { name: answer.host, ...answer.value },
    );
    process.stdout.write(`${JSON.stringify({ format: 'snp-conform/hosts-status@1', hosts }, null, 2)}\n`);
    return exitCodeOf(answers);
  }
  const lines = answers.flatMap((answer) =>
    'trouble' in answer ? troubleLines(answer.host, answer.trouble) : statusLines(answer.host, answer.value),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
  return exitCodeOf(answers);
}

/** What `hosts clean` is told. */
export interface CleanPlan {
  /** Artifacts that nobody used for so long go too. */
  artifactDays: number;
  /** show: nothing is removed. */
  mode: 'show' | 'remove';
}

function leftoverLines(left: Pick<HostStatus, 'launches' | 'artifacts'>): string[] {
  return [
    ...left.launches.map(launchLine),
    ...left.artifacts.map(
      ({ name, kib, ageSeconds }) =>
        `    artifact ${name.slice(0, 12)}: ${sizeText(kib)}, not used for ${ageText(ageSeconds)}`,
    ),
  ];
}

const outcomeLine = ({ kind, name, keptBecause }: CleanOutcome): string =>
  `    ${keptBecause === null ? `removed ${kind} ${text(name)}` : `kept ${kind} ${text(name)}: ${text(keptBecause)}`}`;

/**
 * Shows what dead runs left on hosts, then removes it where that is asked for. Nothing that lives is touched.
 * @returns the exit code
 */
export async function cleanHosts(entries: readonly HostEntry[], plan: CleanPlan): Promise<number> {
  const seconds = plan.artifactDays * 86_400;
  let found = 0;
  const answers = await askAll(entries, async (entry, session) => {
    const left = leftovers(await hostStatus(session, entry), seconds);
    const shown = leftoverLines(left);
    found += shown.length;
    process.stdout.write(
      [`host ${entry.name}: ${shown.length} leftovers`, ...shown].map((line) => `${line}\n`).join(''),
    );
    if (plan.mode === 'show' || shown.length === 0) return;
    const outcomes = await cleanHost(session, entry, left, seconds);
    process.stdout.write(outcomes.map((outcome) => `${entry.name}: ${outcomeLine(outcome).trim()}\n`).join(''));
  });
  for (const answer of answers) {
    if ('trouble' in answer) process.stdout.write(`${troubleLines(answer.host, answer.trouble).join('\n')}\n`);
  }
  if (plan.mode === 'show' && found > 0)
    process.stdout.write('nothing was removed; add --yes to remove what is shown\n');
  return exitCodeOf(answers);
}
