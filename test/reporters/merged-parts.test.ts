import type { FullConfig, TestCase } from '@playwright/test/reporter';
import { MergedParts } from '../../lib/reporters/merged-parts.ts';
import { PART_KEY } from '../../lib/runner/annotations.ts';
import { expect, test } from '../support/test.ts';

const begin = (parts: readonly string[], titles: readonly string[]): string[] => {
  const metadata = { ci: {}, ...Object.fromEntries(parts.map((part) => [`${PART_KEY}${part}`, true])) };
  const tests = titles.map((title) => ({
    title,
    titlePath: () => ['', 'milan-1', 'launch.spec.ts', title],
    parent: { project: () => ({ name: 'milan-1' }) },
  }));
  return new MergedParts('/nowhere').begin({ metadata } as unknown as FullConfig, tests as unknown as TestCase[]);
};

test('a part that is lost, or there twice, is named; all parts of a run are one', () => {
  expect(begin([], ['a', 'b'])).toEqual([]);
  expect(begin(['1/2', '2/2'], ['a', 'b'])).toEqual([]);
  expect(begin(['3/3', '1/3'], ['a', 'b'])).toEqual(['parts of this run are not there, nor are their cells: 2/3']);
  expect(begin(['1/1', '2/2'], ['a'])).toEqual(['parts of this run are not there, nor are their cells: 1/2']);
  expect(begin(['1/2', '2/2'], ['a', 'b', 'a'])).toEqual(['cells are in more than one part: milan-1 a']);
  const many = begin(['1/9'], [])[0];
  expect(many).toContain('2/9, 3/9, 4/9, 5/9, 6/9 and 3 more');
});
