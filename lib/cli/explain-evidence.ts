import { statSync } from 'node:fs';
import { HarnessError } from '../errors.ts';
import { readCell } from '../evidence/cell-codec.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { readRecording } from '../evidence/recording.ts';
import { openRunDirectory } from '../evidence/run-directory.ts';
import { type CellExplanation, cellFileSchema, type Evidence } from '../evidence/schema.ts';
import { cellExplanationText, explanationKey, isCellExplained } from '../explain/cell-text.ts';
import { judge } from '../judge/judge.ts';
import { digestDiffers, explainCell } from '../runner/explain-cell.ts';
import { artifactsOfEvidence } from '../runner/known-cell.ts';
import { predictEvidence } from '../runner/predict-cell.ts';

/** A cell whose digest differs, and why. */
interface ExplainedCell {
  readonly name: string;
  readonly explanation: CellExplanation;
}

/** Evidence in a file of a cell, a run's directory, or a recording. @throws HarnessError FILE_UNREADABLE, EVIDENCE_INVALID, RECORDING_INVALID */
function evidenceAt(path: string): Evidence[] {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) {
    const hint = 'a run is kept in reports/run, the file of a cell in reports/run/cells';
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: 'there is no such evidence', where: path, hint });
  }
  if (there.isDirectory()) {
    const { rows } = openRunDirectory(path, { keepGoing: true });
    return [...rows()].flatMap(({ evidence }) => (evidence === null ? [] : [evidence]));
  }
  if (path.endsWith('.json')) return [readJsonFile(path, cellFileSchema, 'EVIDENCE_INVALID').evidence];
  return [...readRecording(path).evidence];
}

async function explainAll(all: readonly Evidence[], searchMs: number): Promise<ExplainedCell[]> {
  const atHand = artifactsOfEvidence(all);
  const means = {
    mode: 'report',
    prober: null,
    atHand: () => Promise.resolve(atHand),
    searchMs,
    cores: 'all',
  } as const;
  const found: ExplainedCell[] = [];
  for (const evidence of all) {
    // A scenario is launched otherwise on purpose, and its suite says what had to come of it.
    if (evidence.scenario !== undefined) continue;
    const cell = readCell(evidence.cell);
    const verdict = judge(predictEvidence(evidence), evidence);
    if (!digestDiffers({ evidence, verdict })) continue;
    const explained = await explainCell({ cell, evidence, verdict }, means, new AbortController().signal);
    if (explained === undefined) continue;
    found.push({ name: `${evidence.host.name} ${cell.id}`, explanation: explained.explanation });
  }
  return found;
}

const explains = ({ explanation }: ExplainedCell): boolean => isCellExplained(explanation);

/** All cells as one answer: explained where every one is, each explanation once. */
function asJson(cells: readonly ExplainedCell[]): object {
  const distinct = new Map(cells.map(({ explanation }) => [explanationKey(explanation), explanation.explanations]));
  const notes = [...new Set(cells.flatMap(({ explanation }) => explanation.notes ?? []))];
  return {
    explained: cells.every(explains),
    explanations: [...distinct.values()].flat(),
    ...(notes.length > 0 && { notes }),
    tried: cells.reduce((sum, { explanation }) => sum + explanation.tried, 0),
    exhausted: cells.every(({ explanation }) => explanation.exhausted),
    seconds: Math.round(1000 * cells.reduce((sum, { explanation }) => sum + explanation.seconds, 0)) / 1000,
  };
}

function asText(cells: readonly ExplainedCell[], total: number): string {
  if (cells.length === 0) return `No launch digest of ${total} cells differs: there is nothing to explain.\n`;
  const causes = new Map<string, { text: string; names: string[] }>();
  for (const { name, explanation } of cells) {
    const key = explanationKey(explanation) ?? name;
    const known = causes.get(key) ?? { text: cellExplanationText(explanation), names: [] };
    known.names.push(name);
    causes.set(key, known);
  }
  const parts = [...causes.values()].map(({ text, names }) =>
    [text, `${names.length} ${names.length === 1 ? 'cell' : 'cells'}:`, ...names.map((name) => `  ${name}`)].join('\n'),
  );
  return `${parts.join('\n\n')}\n`;
}

/**
 * Explains the digests of evidence that was kept.
 * @returns what is to be printed, and whether all that differs is explained
 */
export async function explainEvidence(
  path: string,
  format: 'text' | 'json',
  searchMs: number,
): Promise<{ text: string; explained: boolean }> {
  const all = evidenceAt(path);
  const cells = await explainAll(all, searchMs);
  const text = format === 'json' ? `${JSON.stringify(asJson(cells), null, 2)}\n` : asText(cells, all.length);
  return { text, explained: cells.every(explains) };
}
