import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { fieldOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import { HarnessError } from '../errors.ts';
import type { CellExplanation, Evidence, Probe, Refusal } from '../evidence/schema.ts';
import { BlockSearch } from '../explain/block-search.ts';
import { corroborated } from '../explain/corroborate.ts';
import { adviceText, type Direction, type Explanation } from '../explain/explanation.ts';
import { hostHints } from '../explain/hints.ts';
import { type HostDifference, hostDifferences } from '../explain/host-differences.ts';
import { bestHypotheses } from '../explain/hypotheses.ts';
import type { KnownLaunch } from '../explain/launch-state.ts';
import { knownAsSeen, type SeenDifference, seenDifferences } from '../explain/proof.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { Cell } from '../matrix/cell.ts';
import type { ExplainMode } from '../matrix/explain-mode.ts';
import { predict } from '../measure/predict.ts';
import { hexOf } from '../text.ts';
import { answerQuestion } from './answer.ts';
import type { ExplainSettings } from './explain-search.ts';
import { type ArtifactsAtHand, knownFromEvidence } from './known-cell.ts';
import { probeNotes } from './probe-notes.ts';
import { seenLaunch } from './seen-launch.ts';

/** What a launch that explains another is made for. @see Probe */
export type ProbeAsk = { purpose: 'report' } | { purpose: 'oracle'; digest: Uint8Array };

/** Launches a cell once more, otherwise. */
export interface Prober {
  /** @throws HarnessError where the lab failed */
  probe(cell: Cell, ask: ProbeAsk, signal: AbortSignal): Promise<Probe>;
}

/** What is there to explain the cells of a run with. */
export interface ExplainMeans {
  readonly mode: ExplainMode;
  /** null: nothing can be launched, as in a recording. */
  readonly prober: Prober | null;
  readonly atHand: () => Promise<ArtifactsAtHand>;
  /** How long is searched for one cell; absent: as long as its neighbours can wait. */
  readonly searchMs?: number;
  /** Absent: one, for a run has a process for each slot already. */
  readonly cores?: ExplainSettings['cores'];
}

/** A cell whose digest may be another than was predicted. */
export interface CellToExplain {
  readonly cell: Cell;
  readonly evidence: Evidence;
  readonly verdict: Verdict;
}

/** A cell is one of many, and its neighbours wait. */
const SEARCH_MS = 15_000;
/** Launches that ask the firmware about a hypothesis, a second each. */
const ORACLE_LAUNCHES = 16;
/** A lab that failed so many of them fails the others. */
const ORACLE_FAILURES = 2;

const { BAD_MEASUREMENT, BAD_SIGNATURE, POLICY_FAILURE } = FIRMWARE_STATUS;
const MEASUREMENT = fieldOf(ATTESTATION_REPORT, 'measurement');

const finishedWith = (refusal: Refusal | null, ...statuses: readonly number[]): boolean =>
  refusal?.command === 'SNP_LAUNCH_FINISH' && statuses.includes(refusal.fwError);

/** MEASUREMENT of a report. @param report base64   @returns 96 hex digits; null: none, or no report */
export function measurementOf(report: string | null): string | null {
  if (report === null) return null;
  const bytes = Buffer.from(report, 'base64').subarray(MEASUREMENT.at, MEASUREMENT.at + MEASUREMENT.bytes);
  return bytes.length === MEASUREMENT.bytes ? hexOf(bytes) : null;
}

/** Is the launch digest of a cell another than that of its ID block, or of its prediction? */
export function digestDiffers({ evidence, verdict }: Omit<CellToExplain, 'cell'>): boolean {
  if (finishedWith(evidence.outcome.refusal, BAD_MEASUREMENT)) return true;
  return verdict.checks.some(({ name, status }) => name === 'report-measurement' && status === 'fail');
}

/** Error texts may hold what a host printed. */
const TROUBLE_CHARACTERS = 2000;

/** Launches once more; trouble of the lab is kept as that, and is no trouble of the cell. */
async function probed(prober: Prober, cell: Cell, ask: ProbeAsk, signal: AbortSignal): Promise<Probe> {
  try {
    return await prober.probe(cell, ask, signal);
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    const { purpose } = ask;
    const digest = ask.purpose === 'oracle' ? hexOf(ask.digest) : null;
    const trouble = error.message.slice(0, TROUBLE_CHARACTERS);
    return { purpose, digest, state: 'failed', refusal: null, measurement: null, process: null, trouble };
  }
}

/**
 * Asks the firmware about hypotheses, one launch each: it compares digests first, so what it refuses later had the right one.
 * @param seen launches as they were seen, of which the first is the nearest to what was predicted
 */
async function askFirmware(
  seen: readonly [KnownLaunch, ...KnownLaunch[]],
  refused: string,
  { prober, cell }: { prober: Prober; cell: Cell },
  signal: AbortSignal,
): Promise<Probe[]> {
  // Some may be what was seen, or what was refused: those are not asked about twice.
  const hypotheses = bestHypotheses(new BlockSearch(seen[0]), ORACLE_LAUNCHES + seen.length + 1);
  const digests = [
    ...seen.map(({ launch }) => predict(launch).launchDigest),
    ...hypotheses.map(({ digest }) => digest),
  ];
  const distinct = new Map(digests.map((digest) => [hexOf(digest), digest]));
  distinct.delete(refused);
  const probes: Probe[] = [];
  for (const digest of [...distinct.values()].slice(0, ORACLE_LAUNCHES)) {
    probes.push(await probed(prober, cell, { purpose: 'oracle', digest }, signal));
    if (acceptedDigest(probes) !== null || signal.aborted) break;
    if (probes.filter(({ state }) => state === 'failed').length >= ORACLE_FAILURES) break;
  }
  return probes;
}

/** The digest that the firmware took before it refused the rest. */
function acceptedDigest(probes: readonly Probe[]): string | null {
  const accepted = probes.find(({ refusal }) => finishedWith(refusal, POLICY_FAILURE, BAD_SIGNATURE));
  return accepted?.digest ?? null;
}

function observedDigest({ outcome }: Evidence, probes: readonly Probe[]): string | null {
  const reported = probes.find(({ measurement }) => measurement !== null)?.measurement ?? null;
  return measurementOf(outcome.report) ?? reported ?? acceptedDigest(probes);
}

/** The digest of the ID block that was sent; null: none was. */
function sentDigest({ sent }: Evidence): string | null {
  return sent.idBlock === null ? null : hexOf(Buffer.from(sent.idBlock, 'base64').subarray(0, 48));
}

type Written = CellExplanation['explanations'];

/** What was seen on the host and differs: proof, whether or not it is all that differs. @param where it was seen, in words */
function proofOf(differences: readonly SeenDifference[], where: string): Explanation[] {
  const [first] = differences;
  if (first === undefined) return [];
  const advice = `${adviceText(differences, 'observed')}\nSeen on the host: ${where}.`;
  return [{ changes: differences.map(({ change }) => change), kind: 'proof', cause: first.cause, advice }];
}

const LIVE = 'the command line of the live process, and the hashes of its files';

/** What kernel, module and QEMU of the host leave no choice about: proof. */
function hostProof(differences: readonly HostDifference[]): Explanation[] {
  return proofOf(differences, [...new Set(differences.map(({ seen }) => seen))].join('; '));
}

/** In what the host leaves no choice, and the launch was predicted otherwise. */
function determinedByHost(known: KnownLaunch, { host, cell }: Evidence): HostDifference[] {
  return hostDifferences(known, host, cell.qemu).filter(({ determined }) => determined);
}

/** What they only make likely. */
function hostHint({ change, cause, seen }: HostDifference): Explanation {
  const advice = `${adviceText([{ change, cause }], 'possible')}\nSeen on the host: ${seen}.`;
  return { changes: [change], kind: 'hint', cause, advice };
}

const partly = (explanations: Written, part: 'seen' | 'rest'): Written =>
  explanations.map((one) => (one.kind === 'hint' ? one : { ...one, part }));

/** QEMU's own list of pages is another than the predicted one: proof, though not of a cause. */
function pagesProof(verdict: Verdict): Explanation[] {
  const check = verdict.checks.find(({ name, status }) => name === 'page-list' && status === 'fail');
  if (check === undefined) return [];
  const change = { input: 'pageOrder', from: check.expected, to: check.observed } as const;
  const difference = { change, cause: 'pages-differ' } as const;
  return [{ changes: [change], kind: 'proof', cause: 'pages-differ', advice: adviceText([difference], 'observed') }];
}

type Answered = Omit<CellExplanation, 'target' | 'direction' | 'notes'>;

const nothingTried = (explanations: Written): Answered => ({
  explanations,
  tried: 0,
  exhausted: false,
  seconds: 0,
});

function written(explanations: readonly Explanation[]): Written {
  return explanations.map(({ changes, kind, cause, advice }) => ({
    changes: changes.map(({ input, from, to }) => ({ input, from, to })),
    kind,
    cause,
    advice,
  }));
}

/** Searches for what is left of a difference once all that was seen is taken for granted. */
async function searched(
  known: KnownLaunch,
  target: string,
  direction: Direction,
  { host, cell: { qemu } }: Evidence,
  { searchMs = SEARCH_MS, cores = 'one' }: ExplainMeans,
): Promise<Answered> {
  const question = { known, image: undefined, target: new Uint8Array(Buffer.from(target, 'hex')), direction };
  const answer = await answerQuestion(question, { limitMs: searchMs, cores });
  const explanations = answer.explanations.map((one) =>
    direction === 'observed' ? corroborated(one, host, qemu) : one,
  );
  const { tried, exhausted, seconds } = answer;
  return { explanations: written(explanations), tried, exhausted, seconds };
}

/** Explains without the digest that the host measured: by what was seen, which may not be all that differs. */
function unmeasured(
  proof: readonly Explanation[],
  asSeen: KnownLaunch,
  { evidence, verdict }: CellToExplain,
): Answered {
  const ofHost = hostDifferences(asSeen, evidence.host, evidence.cell.qemu);
  const determined = hostProof(determinedByHost(asSeen, evidence));
  const seen = [...(proof.length > 0 ? proof : pagesProof(verdict)), ...determined];
  const possible = [...ofHost.filter((one) => !one.determined).map(hostHint), ...hostHints(asSeen)];
  const told = new Set(seen.flatMap(({ changes }) => changes.map(({ input }) => input)));
  const keyOf = ({ changes }: Explanation): string => changes.map(({ input, to }) => `${input} ${to}`).join();
  const hints = [...new Map(possible.reverse().map((hint) => [keyOf(hint), hint])).values()].reverse();
  const others = hints.filter(({ changes }) => !changes.some(({ input }) => told.has(input)));
  return nothingTried([...partly(written(seen), 'seen'), ...written(proof.length > 0 ? [] : others)]);
}

/** Explains a digest that the host measured: what was seen first, then what is left of the difference. */
async function measured(
  observed: string,
  { proof, asSeen }: { proof: readonly Explanation[]; asSeen: KnownLaunch },
  { evidence, verdict }: CellToExplain,
  means: ExplainMeans,
): Promise<Answered> {
  if (proof.length > 0 && hexOf(predict(asSeen.launch).launchDigest) === observed)
    return { ...nothingTried(written(proof)), exhausted: true };
  const answered = await searched(asSeen, observed, 'observed', evidence, means);
  const seen = partly(written(proof), 'seen');
  const rest = (explanations: Written, beside: Written): Written =>
    beside.length === 0 ? explanations : [...beside, ...partly(explanations, 'rest')];
  if (answered.explanations.length > 0) return { ...answered, explanations: rest(answered.explanations, seen) };
  // Too far away for a search from there: what the host leaves no choice about may bring it near enough.
  const determined = determinedByHost(asSeen, evidence);
  if (determined.length > 0) {
    const beside = [...seen, ...partly(written(hostProof(determined)), 'seen')];
    const again = await searched(knownAsSeen(asSeen, determined), observed, 'observed', evidence, means);
    const [tried, seconds] = [answered.tried + again.tried, answered.seconds + again.seconds];
    return { ...again, tried, seconds, explanations: rest(again.explanations, beside) };
  }
  return { ...answered, explanations: seen.length > 0 ? seen : partly(written(pagesProof(verdict)), 'seen') };
}

/**
 * Finds out why the digest of a cell is another than was predicted.
 * @returns the evidence with the launches that were made for it, and the explanation; undefined where nothing is to be explained
 */
export async function explainCell(
  { cell, evidence, verdict }: CellToExplain,
  means: ExplainMeans,
  signal: AbortSignal,
): Promise<{ evidence: Evidence; explanation: CellExplanation } | undefined> {
  const { mode, prober, atHand } = means;
  if (mode === 'off' || !digestDiffers({ evidence, verdict })) return undefined;
  const probes = [...(evidence.probes ?? [])];
  if (probes.length === 0 && prober !== null) probes.push(await probed(prober, cell, { purpose: 'report' }, signal));
  const known = knownFromEvidence(evidence, await atHand());
  const live = probes.find(({ process }) => process !== null)?.process ?? null;
  const differences = live === null ? [] : seenDifferences(known, seenLaunch(live));
  const asSeen = knownAsSeen(known, differences);
  if (observedDigest(evidence, probes) === null && mode === 'oracle' && prober !== null) {
    const asHost = knownAsSeen(asSeen, determinedByHost(asSeen, evidence));
    probes.push(...(await askFirmware([asSeen, asHost], sentDigest(evidence) ?? '', { prober, cell }, signal)));
  }
  const observed = observedDigest(evidence, probes);
  const kept = probes.length === 0 ? evidence : { ...evidence, probes };
  const proof = proofOf(differences, LIVE);
  const notes = probeNotes(probes, observed === null ? 'unknown' : 'known');
  const told = (explanation: CellExplanation) => ({
    evidence: kept,
    explanation: notes.length === 0 ? explanation : { ...explanation, notes },
  });
  if (observed === null) {
    return told({ direction: 'observed', target: null, ...unmeasured(proof, asSeen, { cell, evidence, verdict }) });
  }
  const predicted = hexOf(predict(known.launch).launchDigest);
  const expected = sentDigest(evidence);
  // The host measured what is predicted now: it is the published digest that was made with other inputs.
  if (observed === predicted && expected !== null && expected !== observed) {
    const answered = await searched(known, expected, 'expected', evidence, means);
    return told({ direction: 'expected', target: expected, ...answered });
  }
  const answered = await measured(observed, { proof, asSeen }, { cell, evidence, verdict }, means);
  return told({ direction: 'observed', target: observed, ...answered });
}
