import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import { resultHostOf } from '../evidence/attempt.ts';
import type { Durability } from '../evidence/json-file.ts';
import { keepFile } from '../evidence/manifest.ts';
import type { CellFile, Evidence } from '../evidence/schema.ts';
import { judge } from '../judge/judge.ts';
import type { Verdict } from '../judge/verdict.ts';
import type { Cell } from '../matrix/cell.ts';
import type { Prediction } from '../measure/inputs.ts';

/** Evidence of a cell beside the prediction that this version of the harness makes from its inputs. */
export interface PredictedEvidence {
  prediction: Prediction;
  evidence: Evidence;
  /** The file that has it already, where an earlier part of the run launched the cell. */
  kept?: CellFile;
}

/** Where the evidence of one host's cells comes from: launches, or a recording. */
export interface EvidenceSource {
  evidenceOf(cell: Cell, signal: AbortSignal): Promise<PredictedEvidence>;
  /** What happened in the lab since this was asked last, in words. */
  takeNotices(): string[];
  close(): Promise<void>;
}

/** What came of one cell on one host. */
export interface CellOutcome extends PredictedEvidence {
  verdict: Verdict;
  /** The file of the run directory that keeps all of it. */
  file: string;
}

/** A file name has 255 bytes at most; a temporary one needs some more than this. */
const MAX_NAME = 180;

/** A file name for a cell: readable, and no two ids share one. */
function cellFileName(cellId: string): string {
  const readable = cellId.replaceAll('/', '__').replace(/[^A-Za-z0-9._-]/g, '_');
  const telling = readable.length <= MAX_NAME && readable.replaceAll('__', '/') === cellId;
  const hash = createHash('sha256').update(cellId).digest('hex').slice(0, 16);
  return `${telling ? readable : `${readable.slice(0, MAX_NAME)}-${hash}`}.json`;
}

/** The file that keeps the evidence of a cell in a run directory. */
export function cellFilePath(runDirectory: string, host: string, cellId: string): string {
  return join(runDirectory, 'cells', host, cellFileName(cellId));
}

/** The file that keeps what stood in the way of a cell that gave no evidence. */
export function attemptsFilePath(runDirectory: string, host: string, cellId: string): string {
  return join(runDirectory, 'attempts', host, cellFileName(cellId));
}

/** Judges evidence and keeps it with the verdict, whole or not at all. */
export async function concludeCell(
  { prediction, evidence, kept }: PredictedEvidence,
  runDirectory: string,
  durability: Durability,
): Promise<CellOutcome> {
  const verdict = judge(prediction, evidence);
  const file = cellFilePath(runDirectory, resultHostOf(evidence), evidence.cell.id);
  const predicted = Buffer.from(prediction.launchDigest).toString('hex');
  const content: CellFile = { format: 'snp-conform/cell@1', evidence, predicted, verdict };
  const unchanged = kept?.predicted === predicted && JSON.stringify(kept.verdict) === JSON.stringify(verdict);
  if (unchanged) return { prediction, evidence, verdict, file };
  const name = relative(runDirectory, file).split(sep).join('/');
  await keepFile(runDirectory, name, `${JSON.stringify(content, null, 1)}\n`, durability);
  return { prediction, evidence, verdict, file };
}
