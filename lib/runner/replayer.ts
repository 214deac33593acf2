import { HarnessError } from '../errors.ts';
import { resultHostOf } from '../evidence/attempt.ts';
import type { RecordedEvidence } from '../evidence/recording.ts';
import type { Evidence } from '../evidence/schema.ts';
import type { Cell } from '../matrix/cell.ts';
import type { EvidenceSource, PredictedEvidence } from './outcome.ts';
import { predictEvidence } from './predict-cell.ts';

/** Plays back what was recorded of one host. The evidence is the recording's; the prediction is made anew. */
export class Replayer implements EvidenceSource {
  readonly #host: string;
  readonly #evidence: ReadonlyMap<string, Evidence>;

  constructor(host: string, recording: RecordedEvidence) {
    this.#host = host;
    const mine = recording.evidence.filter((one) => resultHostOf(one) === host);
    this.#evidence = new Map(mine.map((one) => [one.cell.id, one]));
  }

  async evidenceOf(cell: Cell): Promise<PredictedEvidence> {
    const evidence = this.#evidence.get(cell.id);
    if (evidence === undefined) {
      throw new HarnessError({
        code: 'RECORDING_INVALID',
        what: `no evidence of ${cell.id}`,
        where: `host ${this.#host}`,
      });
    }
    return { prediction: predictEvidence(evidence), evidence };
  }

  takeNotices(): string[] {
    return [];
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}
