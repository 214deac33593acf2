import { HarnessError } from '../errors.ts';
import type { RecordedEvidence } from '../evidence/recording.ts';
import type { Evidence } from '../evidence/schema.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import { launchName } from '../scenarios/scenario.ts';
import { expectationOf } from '../scenarios/scenarios.ts';
import { type ArtifactsAtHand, artifactsOfEvidence } from './known-cell.ts';
import type { CellLaunch, EvidenceSource, PredictedEvidence } from './outcome.ts';
import { predictEvidence } from './predict-cell.ts';

/** Plays back what was recorded of one host. The evidence is the recording's; the prediction is made anew. */
export class Replayer implements EvidenceSource {
  readonly #host: string;
  readonly #evidence: ReadonlyMap<string, Evidence>;
  readonly #recording: RecordedEvidence;
  readonly prober = null;

  constructor(host: string, recording: RecordedEvidence) {
    this.#host = host;
    this.#recording = recording;
    const mine = recording.evidence.filter((one) => one.host.name === host);
    this.#evidence = new Map(mine.map((one) => [launchName(one.cell.id, one.scenario), one]));
  }

  #recorded({ cell, scenario }: CellLaunch): Evidence {
    const name = launchName(cell.id, scenario?.name);
    const evidence = this.#evidence.get(name);
    if (evidence !== undefined) return evidence;
    throw new HarnessError({
      code: 'RECORDING_INVALID',
      what: `no evidence of ${name}`,
      where: `host ${this.#host}`,
    });
  }

  async expectationOf(launch: CellLaunch): Promise<Expectation> {
    const { host, sent, cell } = this.#recorded(launch);
    if (launch.scenario === undefined) return { outcome: 'accepted' };
    return expectationOf(launch.scenario, BigInt(sent.guestPolicy ?? cell.guestPolicy), policyFactsOf(host));
  }

  async evidenceOf(launch: CellLaunch): Promise<PredictedEvidence> {
    const evidence = this.#recorded(launch);
    return { prediction: predictEvidence(evidence), evidence };
  }

  async artifactsAtHand(): Promise<ArtifactsAtHand> {
    return artifactsOfEvidence(this.#recording.evidence);
  }

  async close(): Promise<void> {
    // Nothing is open.
  }
}
