import { replayChange } from '../../lib/runner/replay-change.ts';
import { evidence, PREDICTED, prediction } from '../judge/made-evidence.ts';
import { expect, test } from '../support/test.ts';

const OUTCOME = {
  prediction,
  evidence: evidence(),
  verdict: { result: 'pass' as const, checks: [] },
  explanation: undefined,
  file: 'cell.json',
};
const OTHER = 'ee'.repeat(48);

const change = (recorded?: { result: 'pass' | 'fail'; predicted: string | null }): string | undefined =>
  replayChange({ prediction, evidence: OUTCOME.evidence, ...(recorded && { recorded }) }, OUTCOME);

test('a cell differs from when it was recorded by its result, by its predicted digest, or by both', () => {
  expect(change({ result: 'fail', predicted: PREDICTED })).toBe('it was fail and is pass');
  expect(change({ result: 'pass', predicted: OTHER })).toBe(`predicted was ${OTHER} and is ${PREDICTED}`);
  expect(change({ result: 'fail', predicted: OTHER })).toContain('is pass; predicted was ee');
});

test('what comes out as it was recorded, what was launched now, and what is not known of then, is no difference', () => {
  expect(change({ result: 'pass', predicted: PREDICTED })).toBeUndefined();
  expect(change({ result: 'pass', predicted: null })).toBeUndefined();
  expect(change()).toBeUndefined();
});
