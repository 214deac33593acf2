import type { RowFacts } from '../../lib/compare/facts.ts';
import { historyOf } from '../../lib/compare/history.ts';
import { expect, test } from '../support/test.ts';

type Kind = RowFacts['result'];

function row(id: string, result: Kind, qemu = '10'): RowFacts {
  const provenance = [{ subject: 'host h: QEMU default', value: qemu }];
  const inputs = [{ subject: 'firmware', value: 'f' }];
  return { suite: 'launch', host: 'h', id, result, headline: '', predicted: null, observed: null, inputs, provenance };
}

/** Runs from one letter a cell and run: p, f, i, or a blank for none. @param qemu the version of each run */
function runs(cells: Record<string, string>, qemu: readonly string[] = []) {
  const kinds: Record<string, Kind> = { p: 'pass', f: 'fail', i: 'infrastructure' };
  const count = Math.max(...Object.values(cells).map((letters) => letters.length));
  return Array.from({ length: count }, (_, place) => ({
    title: `night ${place}`,
    startedAt: `2026-01-0${place + 1}T00:00:00Z`,
    rows: Object.entries(cells).flatMap(([id, letters]) => {
      const kind = kinds[letters[place] ?? ' '];
      return kind === undefined ? [] : [row(id, kind, qemu[place])];
    }),
  }));
}

test('the first bad run of cells that fail now, with what changed before it', () => {
  const history = historyOf(
    runs({ a: 'pppff', b: 'pp ff', c: 'fffff', d: 'ppppp', e: 'ffppp' }, ['10', '10', '10', '11', '11']),
  );
  expect(history.flaky).toEqual([]);
  expect(
    history.firstBad.map(({ lastGood, firstBad, cells, changes }) => ({
      lastGood,
      firstBad,
      ids: cells.map(({ id }) => id),
      changes,
    })),
  ).toEqual([
    { lastGood: 2, firstBad: 3, ids: ['a'], changes: [{ subject: 'host h: QEMU default', before: '10', after: '11' }] },
    { lastGood: 1, firstBad: 3, ids: ['b'], changes: [{ subject: 'host h: QEMU default', before: '10', after: '11' }] },
    { lastGood: null, firstBad: 0, ids: ['c'], changes: [] },
  ]);
});

test('lab trouble neither ends a bad streak nor begins one', () => {
  const [bad] = historyOf(runs({ a: 'ppfifi' })).firstBad;
  expect(bad).toMatchObject({ lastGood: 1, firstBad: 2 });
  expect(historyOf(runs({ a: 'ppii' })).firstBad).toEqual([]);
});

test('a cell that comes and goes with nothing changed is flaky; one that changed with its QEMU is not', () => {
  expect(historyOf(runs({ a: 'ppfppp' })).flaky).toMatchObject([{ id: 'a', flips: 2 }]);
  expect(historyOf(runs({ a: 'ppfp', b: 'pfpf' })).flaky.map(({ id }) => id)).toEqual(['b', 'a']);
  expect(historyOf(runs({ a: 'ppfp' }, ['10', '10', '11', '10'])).flaky).toEqual([]);
  expect(historyOf(runs({ a: 'pppff' })).flaky).toEqual([]);
});

test('runs are told in the order of their times, whatever the order in which they are found', () => {
  const all = runs({ a: 'ppf' });
  expect(historyOf([...all].reverse())).toEqual(historyOf(all));
});
