import type { CellExplanation } from '../../lib/evidence/schema.ts';
import { type ExplainedRow, explainedLines } from '../../lib/reporters/explained-lines.ts';
import { expect, test } from '../support/test.ts';

const guestFeatures = (to: string, change: Partial<CellExplanation> = {}): CellExplanation => ({
  ...{ direction: 'observed', target: 'ab'.repeat(48), tried: 3, exhausted: true, seconds: 0.1 },
  explanations: [
    {
      changes: [{ input: 'guestFeatures', from: '0x1', to }],
      ...{ kind: 'match', cause: 'debug-swap', advice: `the host measured ${to}\u001b[31m` },
    },
  ],
  ...change,
});

const explained = (name: string, explanation: CellExplanation | undefined): ExplainedRow => ({
  host: 'milan-1',
  name,
  explanation,
});

test('each cause is said once, with its cells, that of most cells first; the digest of one cell is not told for all', () => {
  const rows = [
    explained('a', guestFeatures('0x201')),
    ...['b', 'c'].map((name) => explained(name, guestFeatures('0x21', { target: name.repeat(96) }))),
    explained('d', undefined),
  ];
  const lines = explainedLines(rows);
  expect(lines.map((line) => line.replace(/\s+/g, ' '))).toEqual([
    expect.stringMatching(/^2 cells: why \(match, debug-swap\): the host measured 0x21/),
    ' milan-1 b',
    ' milan-1 c',
    expect.stringMatching(/^1 cell: why \(match, debug-swap\): the host measured 0x201/),
    ' milan-1 a',
  ]);
  expect(lines.join('')).not.toContain('\u001b');
  expect(lines.join('')).not.toMatch(/[abc]{96}/);
});

test('of many cells some are named, and the rest counted', () => {
  const rows = Array.from({ length: 40 }, (_, index) => explained(`cell-${index}`, guestFeatures('0x21')));
  const lines = explainedLines(rows);
  expect(lines.length).toBe(14);
  expect(lines.at(-1)).toBe('    and 28 more');
});

test('where nothing is explained, nothing is said', () => {
  expect(
    explainedLines([explained('b', undefined), explained('a', guestFeatures('0x21', { explanations: [] }))]),
  ).toEqual([]);
});
