import type { FullConfig, TestCase } from '@playwright/test/reporter';
import type { Part } from '../../lib/evidence/parts.ts';
import type { Cell } from '../../lib/matrix/cell.ts';
import { MergedParts } from '../../lib/reporters/merged-parts.ts';
import { PART_KEY } from '../../lib/runner/annotations.ts';
import { expect, test } from '../support/test.ts';

const HASH = 'a'.repeat(64);

function part(shard: string | undefined, whole: Partial<Part['whole']> = {}): Part {
  return {
    whole: { launches: { 'milan-1': HASH }, files: { 'firmware amdsev': HASH }, suites: ['launch'], ...whole },
    share: { hosts: ['milan-1'], ...(shard !== undefined && { shard }) },
  };
}

function begin(parts: readonly Part[], titles: readonly string[], planned: readonly string[] = titles) {
  const metadata = { ci: {}, ...Object.fromEntries(parts.map((one, at) => [`${PART_KEY}${at}`, one])) };
  const tests = titles.map((title) => ({
    title,
    titlePath: () => ['', 'milan-1', 'launch.spec.ts', title],
    parent: { project: () => ({ name: 'milan-1' }) },
    location: { file: '/suites/launch.spec.ts' },
  }));
  const merged = new MergedParts('/nowhere');
  const troubles = merged.begin({ metadata } as unknown as FullConfig, tests as unknown as TestCase[], () =>
    planned.map((name) => ({ suite: 'launch', host: 'milan-1', name, cell: {} as Cell })),
  );
  return { troubles, lost: merged.lost.map(({ name }) => name) };
}

test('a part that is lost, of another run, or there twice, is named; all parts of a run are one', () => {
  const one = [part('1/2'), part('2/2')];
  expect(begin([], ['a', 'b']).troubles).toEqual([]);
  expect(begin(one, ['a', 'b']).troubles).toEqual([]);
  expect(begin([part('1/3'), part('3/3')], ['a', 'b']).troubles).toEqual([
    'parts of this run are not there, nor are their cells: 2/3',
  ]);
  expect(begin([part('1/2'), part('2/2', { files: { 'firmware amdsev': 'b'.repeat(64) } })], ['a']).troubles).toEqual([
    'part 2/2 is not of the same run as part 1/2: another file is firmware amdsev',
  ]);
  expect(begin(one, ['a', 'b', 'a']).troubles).toEqual(['cells are in more than one part: milan-1 a']);
  expect(begin([part('1/9')], []).troubles[0]).toContain('2/9, 3/9, 4/9, 5/9, 6/9 and 3 more');
});

test('cells that the files plan and no part has are told and kept for rows; not where suites are not known', () => {
  const lost = begin([part(undefined)], ['a'], ['a', 'b']);
  expect(lost).toEqual({ troubles: ['1 cell of the run is in no part: milan-1 b'], lost: ['b'] });
  expect(begin([part(undefined, { ownSuites: true })], ['a'], ['a', 'b'])).toEqual({ troubles: [], lost: [] });
});
