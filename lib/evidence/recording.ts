import type { RecordingHeader } from './recording/format.ts';
import { openRecording } from './recording/reader.ts';
import type { Evidence } from './schema.ts';

/** All evidence of a recording at once. */
export interface RecordedEvidence {
  header: RecordingHeader;
  evidence: Evidence[];
}

/** Reads and verifies a recording as a whole. @throws HarnessError FILE_UNREADABLE, RECORDING_INVALID */
export function readRecording(path: string): RecordedEvidence {
  const recording = openRecording(path);
  const evidence = [...recording.rows()].flatMap((row) => (row.evidence === null ? [] : [row.evidence]));
  return { header: recording.header, evidence };
}
