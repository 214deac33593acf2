import { writeRecording } from '../evidence/recording/writer.ts';
import { Redaction } from '../evidence/redaction.ts';
import { openRunDirectory } from '../evidence/run-directory.ts';
import { packageVersion } from './package-root.ts';

/**
 * Keeps a whole run as one recording, redacted, in an order that does not depend on the run.
 * @returns how many rows it holds   @throws HarnessError EVIDENCE_INVALID, RECORDING_INVALID when there are none
 */
export async function recordRun(runDirectory: string, path: string, now: Date): Promise<number> {
  const run = openRunDirectory(runDirectory);
  const redaction = new Redaction();
  const rows = [...run.rows()].map((row) => redaction.row(row));
  const statement = { recordedAt: now, tool: `snp-conform ${packageVersion()}`, redactions: redaction.counts };
  return writeRecording(path, () => rows, statement);
}
