import type { CellOutcome, PredictedEvidence } from './outcome.ts';

/**
 * How a cell that was played back differs from when it was recorded: the calculator, the checks, or what they are made of
 * changed since.
 * @returns undefined where it does not, or it was launched now
 */
export function replayChange(
  { recorded }: PredictedEvidence,
  { verdict, prediction }: CellOutcome,
): string | undefined {
  if (recorded === undefined) return undefined;
  const predicted = Buffer.from(prediction.launchDigest).toString('hex');
  const changes = [
    ...(recorded.result === verdict.result ? [] : [`it was ${recorded.result} and is ${verdict.result}`]),
    ...(recorded.predicted === null || recorded.predicted === predicted
      ? []
      : [`predicted was ${recorded.predicted} and is ${predicted}`]),
  ];
  return changes.length === 0 ? undefined : changes.join('; ');
}
