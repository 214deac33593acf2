import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile } from '../evidence/json-file.ts';
import { writeRecording } from '../evidence/recording.ts';
import { cellFileSchema } from '../evidence/schema.ts';
import { packageVersion } from './package-root.ts';

/**
 * Gathers the evidence of a run directory into one recording, in an order that does not depend on the run.
 * @returns how many cells it holds   @throws HarnessError EVIDENCE_INVALID, RECORDING_INVALID when there is no evidence
 */
export async function recordRun(runDirectory: string, path: string, now: Date): Promise<number> {
  const folder = join(runDirectory, 'cells');
  const found = existsSync(folder) ? await readdir(folder, { recursive: true }) : [];
  const names = found.filter((name) => name.endsWith('.json')).sort();
  const evidence = names.map((name) => readJsonFile(join(folder, name), cellFileSchema, 'EVIDENCE_INVALID').evidence);
  await writeRecording(path, evidence, now, `snp-conform ${packageVersion()}`);
  return evidence.length;
}
