import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { fieldOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import { HarnessError } from '../errors.ts';
import type { CellExplanation, Evidence, Probe, Refusal } from '../evidence/schema.ts';
import { BlockSearch } from '../explain/block-search.ts';
import { corroborated } from '../explain/corroborate.ts';
import { adviceText, type Direction, type Explanation } from '../explain/explanation.ts';
import { hostHints } from '../explain/hints.ts';
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

/** Launches once more; trouble of the lab leaves the cell unexplained, and is no trouble of the cell. */
async function probed(prober: Prober, cell: Cell, ask: ProbeAsk, signal: AbortSignal): Promise<Probe[]> {
  try {
    return [await prober.probe(cell, ask, signal)];
  } catch (error) {
    if (error instanceof HarnessError) return [];
    throw error;
  }
}

/** Asks the firmware about hypotheses, one launch each. It compares digests first, so what it refuses later had the right one. */
async function askFirmware(known: KnownLaunch, prober: Prober, cell: Cell, signal: AbortSignal): Promise<Probe[]> {
  const probes: Probe[] = [];
  for (const { digest } of bestHypotheses(new BlockSearch(known), ORACLE_LAUNCHES)) {
    probes.push(...(await probed(prober, cell, { purpose: 'oracle', digest }, signal)));
    if (acceptedDigest(probes) !== null || signal.aborted) break;
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

/** What was seen on the host and differs: proof, whether or not it is all that differs. */
function proofOf(differences: readonly SeenDifference[]): Explanation[] {
  const [first] = differences;
  if (first === undefined) return [];
  const advice = `${adviceText(differences, 'observed')}\nSeen on the host: the command line of the live process, and the hashes of its files.`;
  return [{ changes: differences.map(({ change }) => change), kind: 'proof', cause: first.cause, advice }];
}

/** QEMU's own list of pages is another than the predicted one: proof, though not of a cause. */
function pagesProof(verdict: Verdict): Explanation[] {
  const check = verdict.checks.find(({ name, status }) => name === 'page-list' && status === 'fail');
  if (check === undefined) return [];
  const change = { input: 'pageOrder', from: check.expected, to: check.observed } as const;
  const difference = { change, cause: 'pages-differ' } as const;
  return [{ changes: [change], kind: 'proof', cause: 'pages-differ', advice: adviceText([difference], 'observed') }];
}

type Answered = Omit<CellExplanation, 'target' | 'direction'>;

const nothingTried = (explanations: CellExplanation['explanations']): Answered => ({
  explanations,
  tried: 0,
  exhausted: false,
  seconds: 0,
});

function written(explanations: readonly Explanation[]): CellExplanation['explanations'] {
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
  host: Evidence['host'],
  { searchMs = SEARCH_MS, cores = 'one' }: ExplainMeans,
): Promise<Answered> {
  const question = { known, image: undefined, target: new Uint8Array(Buffer.from(target, 'hex')), direction };
  const answer = await answerQuestion(question, { limitMs: searchMs, cores });
  const explanations = answer.explanations.map((one) => (direction === 'observed' ? corroborated(one, host) : one));
  const { tried, exhausted, seconds } = answer;
  return { explanations: written(explanations), tried, exhausted, seconds };
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
  if (probes.length === 0 && prober !== null)
    probes.push(...(await probed(prober, cell, { purpose: 'report' }, signal)));
  const known = knownFromEvidence(evidence, await atHand());
  const live = probes.find(({ process }) => process !== null)?.process ?? null;
  const differences = live === null ? [] : seenDifferences(known, seenLaunch(live));
  const asSeen = knownAsSeen(known, differences);
  if (observedDigest(evidence, probes) === null && mode === 'oracle' && prober !== null) {
    probes.push(...(await askFirmware(asSeen, prober, cell, signal)));
  }
  const observed = observedDigest(evidence, probes);
  const kept = probes.length === 0 ? evidence : { ...evidence, probes };
  const proof = proofOf(differences);
  const told = (explanation: CellExplanation) => ({ evidence: kept, explanation });
  if (observed === null) {
    const seen = proof.length > 0 ? proof : [...pagesProof(verdict), ...hostHints(asSeen)];
    return told({ direction: 'observed', target: null, ...nothingTried(written(seen)) });
  }
  const predicted = hexOf(predict(known.launch).launchDigest);
  const expected = sentDigest(evidence);
  // The host measured what is predicted now: it is the published digest that was made with other inputs.
  if (observed === predicted && expected !== null && expected !== observed) {
    const answered = await searched(known, expected, 'expected', evidence.host, means);
    return told({ direction: 'expected', target: expected, ...answered });
  }
  const asSeenDigest = hexOf(predict(asSeen.launch).launchDigest);
  if (proof.length > 0 && asSeenDigest === observed) {
    return told({ direction: 'observed', target: observed, ...nothingTried(written(proof)), exhausted: true });
  }
  const answered = await searched(asSeen, observed, 'observed', evidence.host, means);
  const all = [...written(proof), ...answered.explanations];
  const explanations = all.length > 0 ? all : written(pagesProof(verdict));
  return told({ direction: 'observed', target: observed, ...answered, explanations });
}
