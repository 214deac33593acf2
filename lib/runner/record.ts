import { isPartial, type Part } from '../evidence/parts.ts';
import { writeRecording } from '../evidence/recording/writer.ts';
import { Redaction } from '../evidence/redaction.ts';
import { openRunDirectory } from '../evidence/run-directory.ts';
import { packageVersion } from './package-root.ts';

/** What a run says of the recording that is made of it. */
interface RecordOptions {
  now: Date;
  /** Which part of which run it is; absent: it is whole. */
  part?: Part | undefined;
}

/**
 * Keeps a whole run as one recording, redacted, in an order that does not depend on the run.
 * @returns how many rows it holds   @throws HarnessError EVIDENCE_INVALID, RECORDING_INVALID when there are none
 */
export async function recordRun(runDirectory: string, path: string, { now, part }: RecordOptions): Promise<number> {
  const run = openRunDirectory(runDirectory);
  const redaction = new Redaction();
  const rows = [...run.rows()].map((row) => redaction.row(row));
  const { whole, share } = part ?? {};
  const shard = share?.shard;
  const statement = {
    recordedAt: now,
    tool: `snp-conform ${packageVersion()}`,
    redactions: redaction.counts,
    ...(shard !== undefined && { parts: [shard] }),
    ...(whole && share && isPartial({ whole, share }) && { partOf: { whole, shares: [share] } }),
  };
  return writeRecording(path, () => rows, statement);
}
