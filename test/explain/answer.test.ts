import { type Answer, answerJson, answerText, isExplained, remainderLines } from '../../lib/explain/answer.ts';
import type { Explanation } from '../../lib/explain/explanation.ts';
import type { Searched } from '../../lib/explain/search.ts';
import { expect, test } from '../support/test.ts';

const [OBSERVED, PREDICTED] = ['ab'.repeat(48), 'cd'.repeat(48)];
const row = (changes: number, subjects: string, size: number, tried: number): Searched => ({
  changes,
  subjects,
  wide: false,
  size,
  tried,
});
const MATCH: Explanation = {
  changes: [
    { input: 'guestFeatures', from: '0x1', to: '0x21' },
    { input: 'vcpus', from: '1', to: '2' },
  ],
  kind: 'match',
  cause: 'debug-swap',
  advice: 'first line\nsecond line',
};
const ANSWER: Answer = {
  direction: 'observed',
  target: OBSERVED,
  predicted: PREDICTED,
  explanations: [MATCH],
  tried: 1_234_567,
  exhausted: true,
  seconds: 1.2345,
  searched: [],
  files: [
    { input: 'firmware', name: 'OVMF.fd', sha256: '12'.repeat(32), others: 2 },
    { input: 'kernel', name: 'vmlinuz\u001b', sha256: null, others: 1 },
    { input: 'initrd', name: null, sha256: null, others: 0 },
  ],
};

test('an answer says what it is, what it was compared with, what is ruled out and how to see it on the host, in this order', () => {
  expect(answerText(ANSWER).split('\n')).toEqual([
    'match, the digest follows from it (debug-swap, two changes at once):',
    '  first line',
    '  second line',
    '',
    `observed  ${OBSERVED}`,
    `predicted ${PREDICTED}`,
    '',
    'Ruled out: everything with fewer changes, and all else that was compared (1,234,567 hypotheses in 1.2 s).',
    '',
    'To confirm:',
    expect.stringContaining('debug_swap'),
    expect.stringContaining('-smp'),
    '',
  ]);
});

test('one change is not counted, and an input that several explanations name is confirmed once', () => {
  const one = { ...MATCH, changes: MATCH.changes.slice(0, 1) };
  const lines = answerText({ ...ANSWER, explanations: [one, one] }).split('\n');
  expect(lines[0]).toBe('match, the digest follows from it (debug-swap):');
  expect(lines.filter((line) => line.includes('debug_swap'))).toHaveLength(1);
});

test('hints alone explain nothing, equal digests do, and a proof or a match does', () => {
  const of = (...kinds: readonly Explanation['kind'][]): Answer => ({
    ...ANSWER,
    explanations: kinds.map((kind) => ({ ...MATCH, kind })),
  });
  expect([of(), of('hint'), of('hint', 'match'), of('proof')].map(isExplained)).toEqual([false, false, true, true]);
  expect(isExplained({ ...of(), predicted: OBSERVED })).toBe(true);
  expect(answerText(of('hint'))).toMatch(/^Not explained: .*\n\nhint, not shown to be the cause /);
});

test('equal digests are told as such, with what may differ all the same where there are hints', () => {
  const equal = { ...ANSWER, predicted: OBSERVED, explanations: [] };
  expect(answerText(equal)).toMatch(
    /^The digests are equal: there is nothing to explain\.\n\nobserved .*\npredicted .*\n$/,
  );
  const hinted = answerText({ ...equal, explanations: [{ ...MATCH, kind: 'hint' }] });
  expect(hinted).toContain('If the host refuses this launch all the same');
  expect(hinted).toContain('hint, not shown to be the cause');
});

test('of what was not found out it is told how many hypotheses there are, and which kinds are open, the largest first', () => {
  expect(remainderLines([row(1, 'a', 5, 5), row(2, 'b', 1000, 1000), row(2, 'c', 1_000_000, 0)])).toEqual([
    '  one change: all 5',
    '  two changes at once: 1,000 of 1,001,000; not or not wholly tried: c',
  ]);
  const many = 'abcdefgh'.split('').map((subjects, index) => row(3, subjects, 10 + index, index));
  expect(remainderLines(many)).toEqual([
    '  three changes at once: 28 of 108; not or not wholly tried: a; b; c; d; e; f; and 2 more kinds',
  ]);
  expect(remainderLines([row(3, 'small', 10, 0), row(3, 'small', 10, 9), row(3, 'large', 30, 5)])).toEqual([
    '  three changes at once: 14 of 50; not or not wholly tried: large; small',
  ]);
  expect(remainderLines(many.slice(0, 6)).at(0)).not.toContain('more kinds');
});

test('where nothing is found the files are told that a host may have had otherwise, and how to see that there', () => {
  const lines = answerText({ ...ANSWER, explanations: [], searched: [row(1, 'a', 5, 5)] }).split('\n');
  const at = lines.findIndex((line) => line.startsWith('Most likely the host launched a file that is not here'));
  expect(lines.slice(at + 1, at + 4)).toEqual([
    `  firmware OVMF.fd, sha256 ${'12'.repeat(32)}, 2 others at hand`,
    '  kernel   vmlinuz\\u001b, its hash is not known, 1 other at hand',
    '  initrd   none, no other at hand',
  ]);
  expect(lines.slice(at + 4).join(' ')).toContain('--artifacts DIR');
  expect(lines.join('\n')).not.toContain('--time-limit');
  expect(answerText({ ...ANSWER, explanations: [], exhausted: false })).toContain('--time-limit SECONDS');
  expect(answerText(ANSWER)).not.toContain('--artifacts');
});

test('programs get the same, with milliseconds', () => {
  expect(answerJson(ANSWER)).toEqual({
    explained: true,
    explanations: [{ ...MATCH }],
    ...{ tried: 1_234_567, exhausted: true, seconds: 1.235 },
  });
});
