import {
  type CellLaunch,
  type CellOutcome,
  concludeCell,
  type EvidenceSource,
  type PredictedEvidence,
} from './outcome.ts';
import type { LoadedPlan } from './plan.ts';

/** A launch, performed: what it left, and what was made of that. */
export interface Performed {
  readonly left: PredictedEvidence;
  readonly outcome: CellOutcome;
}

/**
 * Launches a cell, or plays it back, judges what it left, explains a digest that differs, and keeps all of it.
 * @throws HarnessError where it left nothing
 */
export async function performLaunch(
  source: EvidenceSource,
  launch: CellLaunch,
  { plan, explain }: Pick<LoadedPlan, 'plan' | 'explain'>,
  signal: AbortSignal,
): Promise<Performed> {
  const left = await source.evidenceOf(launch, signal);
  const outcome = await concludeCell(launch, left, {
    runDirectory: plan.runDirectory,
    // What was launched is kept for good; what was played back can be played again.
    durability: plan.source.kind === 'hosts' ? 'lasting' : 'passing',
    explain: { mode: explain, prober: source.proberOf(left.evidence), atHand: () => source.artifactsAtHand() },
    signal,
  });
  return { left, outcome };
}
