import { lacking, missingParts, type Part, shareName, strangers, type Whole } from '../../lib/evidence/parts.ts';
import { expect, test } from '../support/test.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];
const WHOLE: Whole = {
  launches: { 'milan-1': A, 'genoa-1': A },
  files: { 'firmware amdsev': A },
  suites: ['launch'],
};
const BOTH = ['milan-1', 'genoa-1'];

function part(shard: string | undefined, hosts: string[], whole: Partial<Whole> = {}): Part {
  return { whole: { ...WHOLE, ...whole }, share: { hosts, ...(shard !== undefined && { shard }) } };
}

const strangersOf = (parts: readonly Part[]): string[] =>
  strangers(parts.map((one) => ({ name: shareName(one), part: one })));

test('a part of another run is named, and what is another in it', () => {
  const known = [part('1/3', BOTH), part('2/3', BOTH)];
  const changes: [Partial<Whole>, string][] = [
    [{ launches: { ...WHOLE.launches, 'genoa-1': B } }, 'other cells are planned for genoa-1'],
    [{ launches: { ...WHOLE.launches, 'turin-1': A } }, 'other cells are planned for turin-1'],
    [{ files: { 'firmware amdsev': B } }, 'another file is firmware amdsev'],
    [{ suites: ['launch', 'identity'] }, '--suite is another'],
    [{ grep: 'EPYC' }, '--grep is another'],
    [{ ownSuites: true }, '--config is another'],
  ];
  expect(strangersOf([...known, part('3/3', BOTH)])).toEqual([]);
  for (const [change, what] of changes) {
    // Whichever comes first: most of them are of the run that is meant.
    const names = strangersOf([part('3/3', [...BOTH, 'turin-1'], change), ...known]);
    expect(names).toEqual([`part 3/3 is not of the same run as part 1/3: ${what}`]);
  }
});

test('runs that lack nothing are parts of none: they need not agree', () => {
  expect(strangersOf([part(undefined, BOTH), part(undefined, BOTH, { suites: ['identity'], grep: 'x' })])).toEqual([]);
});

test('what no part has is named: shards, hosts, and shards of some hosts', () => {
  expect(missingParts(['3/3', '1/3'])).toEqual(['2/3']);
  expect(missingParts(['1/1', '2/2'])).toEqual(['1/2']);
  expect(lacking([])).toEqual([]);
  expect(lacking([part('3/3', BOTH), part('1/3', BOTH)])).toEqual(['2/3']);
  expect(lacking([part(undefined, ['milan-1'])])).toEqual(['host genoa-1']);
  expect(lacking([part(undefined, ['milan-1'])], ['genoa-1'])).toEqual([]);
  expect(lacking([part(undefined, ['milan-1']), part(undefined, ['genoa-1'])])).toEqual([]);
  // By number all are there.
  const cut = [part('1/2', ['milan-1']), part('2/2', ['milan-1']), part('1/2', ['genoa-1'])];
  expect(lacking(cut)).toEqual(['2/2 of genoa-1']);
});
