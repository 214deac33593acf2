import { existsSync } from 'node:fs';
import { HarnessError } from '../errors.ts';
import { writeCell } from '../evidence/cell-codec.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { type CellFile, cellFileSchema } from '../evidence/schema.ts';
import { judge } from '../judge/judge.ts';
import { launchName } from '../scenarios/scenario.ts';
import type { MatrixArtifacts } from './launcher.ts';
import { type CellLaunch, cellFilePath, type PredictedEvidence } from './outcome.ts';
import { predictEvidence } from './predict-cell.ts';

/** The file of a cell as it was left in a run directory; undefined where there is none that can be read. */
export function readKept(file: string): CellFile | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return readJsonFile(file, cellFileSchema, 'EVIDENCE_INVALID');
  } catch (error) {
    if (error instanceof HarnessError) return undefined; // Damaged: it is launched again.
    throw error;
  }
}

/**
 * What an earlier part of a run found out about a cell, where that still holds: the cell and its files are the same, and the
 * launch said something of them. A failure of the lab is no result; it is tried again.
 */
export async function keptEvidence(
  runDirectory: string,
  host: string,
  { cell, scenario }: CellLaunch,
  artifacts: MatrixArtifacts,
): Promise<PredictedEvidence | undefined> {
  const kept = readKept(cellFilePath(runDirectory, host, launchName(cell.id, scenario?.name)));
  if (kept === undefined) return undefined;
  const { evidence } = kept;
  if (JSON.stringify(Object.entries(evidence.cell).sort()) !== JSON.stringify(Object.entries(writeCell(cell)).sort())) {
    return undefined;
  }
  if (evidence.scenario !== scenario?.name) return undefined;
  const now = await artifacts.of(cell);
  const names = ['firmware', 'kernel', 'initrd'] as const;
  if (names.some((name) => evidence.artifacts[name]?.sha256 !== now[name]?.sha256)) return undefined;
  const prediction = predictEvidence(evidence);
  return judge(prediction, evidence).result === 'infrastructure' ? undefined : { prediction, evidence, kept };
}
