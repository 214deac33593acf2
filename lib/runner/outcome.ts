import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import { resultHostOf } from '../evidence/attempt.ts';
import type { Durability } from '../evidence/json-file.ts';
import { keepFile } from '../evidence/manifest.ts';
import type { ResultKind } from '../evidence/results.ts';
import type { CellExplanation, CellFile, Evidence, HostProvenance } from '../evidence/schema.ts';
import { judge } from '../judge/judge.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { Cell } from '../matrix/cell.ts';
import type { Prediction } from '../measure/inputs.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { launchName, type Scenario } from '../scenarios/scenario.ts';
import { type ExplainMeans, explainCell, type Prober } from './explain-cell.ts';
import type { ArtifactsAtHand } from './known-cell.ts';

/** Evidence of a cell beside the prediction that this version of the harness makes from its inputs. */
export interface PredictedEvidence {
  prediction: Prediction;
  evidence: Evidence;
  /** The file that has it already, where an earlier part of the run launched the cell. */
  kept?: CellFile;
  /** What came of it when it was recorded; absent where it was launched now, or that was not kept. */
  recorded?: { result: ResultKind; predicted: string | null };
}

/** A launch of a cell: the plain one, or a scenario. */
export interface CellLaunch {
  cell: Cell;
  scenario: Scenario | undefined;
}

/** What is told of a launch beside what it left. */
export interface LaunchAccount {
  /** What happened in the lab, in words. */
  readonly notices: readonly string[];
  /** How long it took, in ms, where it was made before it was asked for. */
  readonly tookMs?: number;
}

/** Where the evidence of one host's cells comes from: launches, or a recording. */
export interface EvidenceSource {
  /** What is known of the host. @throws HarnessError */
  provenance(): Promise<HostProvenance>;
  /** What must come of a launch, as far as what is known of the host tells. */
  expectationOf(launch: CellLaunch): Promise<Expectation>;
  evidenceOf(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence>;
  /** Launches a cell once more, on the host that evidence is from, to explain it; null where nothing can be launched. */
  proberOf(evidence: Evidence): Prober | null;
  /** The artifacts that a host may have used in place of those of a cell. */
  artifactsAtHand(): Promise<ArtifactsAtHand>;
  /** What is to be told of a launch beside what it left; it is told once. */
  takeAccount(launch: CellLaunch): LaunchAccount;
  close(): Promise<void>;
}

/** What came of one cell on one host. */
export interface CellOutcome extends PredictedEvidence {
  verdict: Verdict;
  /** Why its digest is another; undefined: it is not, or that was not asked. */
  explanation: CellExplanation | undefined;
  /** The file of the run directory that keeps all of it. */
  file: string;
}

/** A file name has 255 bytes at most; a temporary one needs some more than this. */
const MAX_NAME = 180;

/** A file name for a launch: readable, and no two names share one. @param name of the launch: a cell's id, or more */
function launchFileName(name: string): string {
  const readable = name.replaceAll('/', '__').replace(/[^A-Za-z0-9._-]/g, '_');
  const telling = readable.length <= MAX_NAME && readable.replaceAll('__', '/') === name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${telling ? readable : `${readable.slice(0, MAX_NAME)}-${hash}`}.json`;
}

/** The file that keeps what a launch left in a run directory. @param name of the launch */
export function cellFilePath(runDirectory: string, host: string, name: string): string {
  return join(runDirectory, 'cells', host, launchFileName(name));
}

/** The file that keeps what stood in the way of a launch that left nothing. @param name of the launch */
export function attemptsFilePath(runDirectory: string, host: string, name: string): string {
  return join(runDirectory, 'attempts', host, launchFileName(name));
}

/** How a cell is concluded. */
export interface Conclusion {
  readonly runDirectory: string;
  readonly durability: Durability;
  readonly explain: ExplainMeans;
  readonly signal: AbortSignal;
}

/** Judges evidence, explains a digest that differs, and keeps all of it, whole or not at all. */
export async function concludeCell(
  { cell, scenario }: CellLaunch,
  { prediction, evidence: left, kept }: PredictedEvidence,
  { runDirectory, durability, explain, signal }: Conclusion,
): Promise<CellOutcome> {
  const verdict = judge(prediction, left);
  const predicted = Buffer.from(prediction.launchDigest).toString('hex');
  const file = cellFilePath(runDirectory, resultHostOf(left), launchName(left.cell.id, left.scenario));
  if (kept?.predicted === predicted && JSON.stringify(kept.verdict) === JSON.stringify(verdict)) {
    return { prediction, evidence: left, verdict, explanation: kept.explanation, file };
  }
  // A scenario is launched wrong on purpose: its difference needs no explanation.
  const explained =
    scenario === undefined ? await explainCell({ cell, evidence: left, verdict }, explain, signal) : undefined;
  const evidence = explained?.evidence ?? left;
  const content: CellFile = {
    format: 'snp-conform/cell@1',
    evidence,
    predicted,
    verdict,
    ...(explained && { explanation: explained.explanation }),
  };
  const name = relative(runDirectory, file).split(sep).join('/');
  await keepFile(runDirectory, name, `${JSON.stringify(content, null, 1)}\n`, durability);
  return { prediction, evidence, verdict, explanation: explained?.explanation, file };
}
