import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { factsOf, type RowFacts } from '../compare/facts.ts';
import { HarnessError } from '../errors.ts';
import type { Damage } from '../evidence/damage.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { openRecording } from '../evidence/recording/reader.ts';
import type { RecordedRow } from '../evidence/results.ts';
import { openRunDirectory } from '../evidence/run-directory.ts';
import { judge } from '../judge/judge.ts';
import { summarise } from '../judge/summary.ts';
import { predictEvidence } from './predict-cell.ts';

/** A row whose result is known. */
export type JudgedRow = RecordedRow & { result: NonNullable<RecordedRow['result']> };

/** A run, wherever it is kept. */
export interface LoadedRun {
  path: string;
  title: string;
  /** When its first guest was launched, else when it began, was recorded, or was last changed; ISO 8601. */
  startedAt: string;
  /** Was it played back, or is it a recording? */
  recorded: boolean;
  tool: string;
  damages: readonly Damage[];
  /** All rows, read one after another; gone through as often as wanted. */
  rows: () => Generator<JudgedRow>;
}

/** A row of the first format of recordings, which kept no result: it is judged by what is predicted now. */
function judged(row: RecordedRow): JudgedRow {
  const { result, evidence } = row;
  if (result !== null) return { ...row, result };
  if (evidence === null) return { ...row, result: 'skip' };
  const prediction = predictEvidence(evidence);
  const verdict = judge(prediction, evidence);
  const predicted = Buffer.from(prediction.launchDigest).toString('hex');
  const message = verdict.result === 'pass' ? '' : `CHECK_FAILED: ${summarise(verdict)}`;
  return { ...row, result: verdict.result, message, judged: { predicted, verdict } };
}

function* judgedRows(rows: Iterable<RecordedRow>): Generator<JudgedRow> {
  for (const row of rows) yield judged(row);
}

function firstStart(rows: Iterable<RecordedRow>, otherwise: string): string {
  let first: string | undefined;
  for (const { evidence } of rows) {
    if (evidence !== null && (first === undefined || evidence.startedAt < first)) first = evidence.startedAt;
  }
  return first ?? otherwise;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot be read: ${fileTrouble(cause)}`,
      where: path,
      cause,
    });
  }
}

/** Is it the directory of a run that left something? */
export const isRunFolder = (path: string): boolean =>
  existsSync(join(path, 'results.jsonl')) || existsSync(join(path, 'cells'));

/**
 * Reads a run: its directory, the reports folder that it is in, or a recording.
 * @throws HarnessError FILE_UNREADABLE, EVIDENCE_INVALID, RECORDING_INVALID
 */
export function loadRun(path: string, options: { keepGoing?: true } = {}): LoadedRun {
  if (!isFolder(path)) {
    const recording = openRecording(path, options);
    const rows = () => judgedRows(recording.rows());
    const { recordedAt, tool } = recording.header;
    const startedAt = firstStart(recording.rows(), recordedAt);
    return { path, title: basename(path), startedAt, recorded: true, tool, damages: recording.damages, rows };
  }
  const folder = !isRunFolder(path) && isRunFolder(join(path, 'run')) ? join(path, 'run') : path;
  const run = openRunDirectory(folder, options);
  const otherwise = run.statement?.startedAt ?? statSync(folder).mtime.toISOString();
  const name = basename(resolve(folder));
  return {
    path: folder,
    title: name === 'run' ? basename(resolve(folder, '..')) : name,
    startedAt: firstStart(run.rows(), otherwise),
    recorded: (run.statement?.recording ?? null) !== null,
    tool: run.statement?.tool ?? '',
    damages: run.damages,
    rows: () => judgedRows(run.rows()),
  };
}

/** What runs are compared by, of every row. */
export function rowFacts(run: LoadedRun): RowFacts[] {
  return [...run.rows()].map(factsOf);
}

/** Where a reports folder keeps the runs before the last. */
export const EARLIER_FOLDER = 'earlier';

/** How deep below a folder runs are looked for: reports/, reports/earlier/TIME/, a folder of recordings. */
const DEPTH = 3;

/** The runs in a folder: directories of runs and recordings, by their paths. */
export function runsIn(folder: string, depth = DEPTH): string[] {
  if (isRunFolder(folder)) return [folder];
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return runsIn(path, depth - 1);
      return entry.isFile() && entry.name.endsWith('.jsonl.gz') ? [path] : [];
    })
    .sort();
}
