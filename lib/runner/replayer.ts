import { ERROR_CODES, type ErrorCode, HarnessError } from '../errors.ts';
import type { RecordedEntry } from '../evidence/recording/format.ts';
import type { Recording } from '../evidence/recording/reader.ts';
import type { RecordedRow } from '../evidence/results.ts';
import type { Evidence, HostProvenance } from '../evidence/schema.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { OPEN, OWN_SUITE } from '../scenarios/own-launch.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import { launchName } from '../scenarios/scenario.ts';
import { expectationOf } from '../scenarios/scenarios.ts';
import { type ArtifactsAtHand, artifactsOfEvidence } from './known-cell.ts';
import type { CellLaunch, EvidenceSource, LaunchAccount, PredictedEvidence } from './outcome.ts';
import { predictEvidence } from './predict-cell.ts';

/** The trouble that a recorded message tells, as an error of its code. */
function recordedTrouble(message: string): HarnessError {
  const [, code, what] = /^([A-Z][A-Z0-9_]+): ([\s\S]*)$/.exec(message) ?? [];
  const known = code !== undefined && code in ERROR_CODES ? (code as ErrorCode) : 'LAUNCH_BROKEN';
  return new HarnessError({ code: known, what: what ?? message });
}

/** One row of evidence for each combination of files under test: no other has another file. */
function* oneOfEachFile(recording: Recording): Generator<Evidence> {
  const seen = new Set<string>();
  for (const entry of recording.entries) {
    const { host, cell } = entry;
    const key = JSON.stringify([host, cell?.firmware, cell?.kernel, cell?.initrd]);
    if (seen.has(key)) continue;
    const { evidence } = recording.row(entry);
    if (evidence === null) continue;
    seen.add(key);
    yield evidence;
  }
}

/** Plays back what was recorded of one host. The evidence is the recording's; the prediction is made anew. */
export class Replayer implements EvidenceSource {
  readonly #host: string;
  readonly #recording: Recording;
  readonly #entries: ReadonlyMap<string, RecordedEntry>;
  /** The row that was asked for last: a test asks for it more than once. */
  #last: { name: string; row: RecordedRow } | undefined;

  constructor(host: string, recording: Recording) {
    this.#host = host;
    this.#recording = recording;
    const mine = recording.entries.filter((entry) => entry.host === host);
    this.#entries = new Map(mine.map((entry) => [entry.id, entry]));
  }

  #recorded({ cell, scenario }: CellLaunch): RecordedRow {
    const name = launchName(cell.id, scenario?.name);
    if (this.#last?.name === name) return this.#last.row;
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new HarnessError({
        code: 'RECORDING_INVALID',
        what: `no evidence of ${name}`,
        where: `host ${this.#host}`,
      });
    }
    const row = this.#recording.row(entry);
    this.#last = { name, row };
    return row;
  }

  async provenance(): Promise<HostProvenance> {
    for (const entry of this.#entries.values()) {
      const { evidence } = this.#recording.row(entry);
      if (evidence !== null) return evidence.host;
    }
    throw new HarnessError({ code: 'RECORDING_INVALID', what: 'no evidence at all', where: `host ${this.#host}` });
  }

  async expectationOf(launch: CellLaunch): Promise<Expectation> {
    const { evidence, result, message } = this.#recorded(launch);
    if (evidence === null && result === 'skip') return { outcome: 'unknown', why: message };
    if (evidence === null || launch.scenario === undefined) return { outcome: 'accepted' };
    if (launch.scenario.suite === OWN_SUITE) return OPEN;
    const { host, sent, cell } = evidence;
    return expectationOf(launch.scenario, BigInt(sent.guestPolicy ?? cell.guestPolicy), policyFactsOf(host));
  }

  /** @throws HarnessError of the code that was recorded where the cell left nothing */
  async evidenceOf(launch: CellLaunch): Promise<PredictedEvidence> {
    const { evidence, result, judged, message } = this.#recorded(launch);
    if (evidence === null) throw recordedTrouble(message);
    // What a suite of one's own expected beside the checks says nothing of the cell.
    const was = judged?.verdict.result ?? result;
    const recorded = was === null ? undefined : { result: was, predicted: judged?.predicted ?? null };
    return { prediction: predictEvidence(evidence), evidence, ...(recorded && { recorded }) };
  }

  proberOf(): null {
    return null;
  }

  async artifactsAtHand(): Promise<ArtifactsAtHand> {
    return artifactsOfEvidence(oneOfEachFile(this.#recording));
  }

  takeAccount(): LaunchAccount {
    return { notices: [] };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}
