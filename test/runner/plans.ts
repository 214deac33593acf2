import { writeFileSync } from 'node:fs';
import type { Plan } from '../../lib/runner/plan.ts';
import { projectPath } from '../support/paths.ts';

export const SHIPPED_RECORDING = projectPath('fixtures', 'recordings', 'example-matrix.emulated.jsonl.gz');

/** A plan that plays the recording of the package back. */
export function replayPlan(folder: string): Plan {
  return {
    runDirectory: `${folder}/run`,
    reportsDirectory: folder,
    source: { kind: 'replay', recordingFile: SHIPPED_RECORDING },
  };
}

/** Writes a value as JSON. @returns the path */
export function writeJson(path: string, value: unknown): string {
  writeFileSync(path, JSON.stringify(value));
  return path;
}
