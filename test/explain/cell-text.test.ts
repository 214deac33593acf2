import type { CellExplanation } from '../../lib/evidence/schema.ts';
import { cellExplanationText, explanationKey, isCellExplained } from '../../lib/explain/cell-text.ts';
import { expect, test } from '../support/test.ts';

type Told = CellExplanation['explanations'][number];
const TARGET = 'ab'.repeat(48);
const told = (kind: Told['kind'], part?: 'seen' | 'rest', to = '0x21'): Told => ({
  changes: [{ input: 'guestFeatures', from: '0x1', to }],
  ...{ kind, cause: 'debug-swap', advice: 'said\nand more' },
  ...(part && { part }),
});

function cell(explanations: readonly Told[], over: Partial<CellExplanation> = {}): CellExplanation {
  return {
    target: TARGET,
    direction: 'observed',
    explanations: [...explanations],
    tried: 7,
    exhausted: true,
    seconds: 1,
    ...over,
  };
}

test('a proof of a part explains nothing by itself, and neither does a hint', () => {
  const cells = [
    cell([told('proof', 'seen')]),
    cell([told('hint')]),
    cell([told('proof', 'seen'), told('match', 'rest')]),
    cell([told('match')]),
  ];
  expect(cells.map(isCellExplained)).toEqual([false, false, true, true]);
});

test('what was found is told in lines of their own, the rest beside what was seen', () => {
  expect(cellExplanationText(cell([told('proof', 'seen'), told('match', 'rest')])).split('\n')).toEqual([
    `the host measured ${TARGET}`,
    ...['why (proof, debug-swap): said', '  and more'],
    '  This is a part of the difference: the digest does not follow from it alone.',
    ...['beside that why (match, debug-swap): said', '  and more'],
  ]);
  expect(cellExplanationText(cell([told('match')], { direction: 'expected' }))).toMatch(
    new RegExp(`^expected was ${TARGET}\n`),
  );
});

test('that it is a part is told once, after the last that was seen', () => {
  const lines = cellExplanationText(cell([told('proof', 'seen'), told('proof', 'seen', '0x201')])).split('\n');
  expect(lines.flatMap((line, index) => (line.startsWith('  This is a part') ? [index] : []))).toEqual([5]);
  expect(lines.at(-1)).toBe('why: not explained: the rest: 7 hypotheses beside it do not give this digest');
});

test('what is not explained is told as such, and whether there is more to try', () => {
  expect(cellExplanationText(cell([])).split('\n').slice(1)).toEqual([
    'why: not explained: 7 hypotheses do not give this digest',
  ]);
  expect(cellExplanationText(cell([], { exhausted: false }))).toContain(
    ', and there are more: `snp-conform explain --evidence` has time',
  );
  const unknown = { target: null };
  expect(cellExplanationText(cell([], unknown))).toBe('why: not explained: what the host measured is not known');
  expect(cellExplanationText(cell([told('hint')], unknown))).toBe('why (hint, debug-swap): said\n  and more');
  expect(
    cellExplanationText(cell([told('proof', 'seen')], unknown))
      .split('\n')
      .at(-1),
  ).toBe('not known: whether that is all that differs, for what the host measured is not known');
  expect(
    cellExplanationText(cell([], { ...unknown, notes: ['one\ntwo'] }))
      .split('\n')
      .slice(1),
  ).toEqual(['not found out: one', '  two']);
});

test('cells of one cause have one key: the values that changed, and all parts', () => {
  const key = explanationKey(cell([told('proof', 'seen'), told('match', 'rest'), told('match')]));
  expect(key).toBe('observed; proof; debug-swap; guestFeatures "0x1" -> "0x21"; guestFeatures "0x1" -> "0x21"');
  expect(explanationKey(cell([told('match', undefined, '0x201')]))).not.toBe(explanationKey(cell([told('match')])));
  expect(explanationKey(cell([]))).toBeNull();
});
