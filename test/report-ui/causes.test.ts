import type { PageIndex } from '../../lib/reporters/page/model.ts';
import { commonCause, tellingAxes } from '../../report-ui/src/causes.ts';
import { Run } from '../../report-ui/src/run.ts';
import { firstView, fromHash, shownRows, toHash } from '../../report-ui/src/view.ts';
import { expect, test } from '../support/test.ts';

const KERNELS = ['6.1', '6.6', '6.12'];
const TYPES = ['Milan', 'Genoa', 'Turin'];
const SIZES = ['1', '4', '16', '64'];

/** A run over three axes whose rows do as `letter` says. */
function run(letter: (kernel: string, type: string, size: string) => string): Run {
  const rows = KERNELS.flatMap((kernel) => TYPES.flatMap((type) => SIZES.map((size) => [kernel, type, size] as const)));
  const axis = (name: string, values: string[], at: 0 | 1 | 2) => ({
    name,
    title: name,
    values,
    of: rows.map((row) => values.indexOf(row[at])),
  });
  const index: PageIndex = {
    format: 'snp-conform/page@2',
    title: '',
    labels: [],
    tool: '',
    madeAt: '',
    startedAt: null,
    troubles: [],
    rows: {
      suite: rows.map(() => 0),
      id: rows.map((row) => row.join('/')),
      results: rows.map((row) => letter(...row)).join(''),
      durationMs: rows.map(() => 1),
      message: rows.map(() => -1),
      predicted: rows.map(() => -1),
      observed: rows.map(() => -1),
      detail: rows.map(() => -1),
      label: rows.map(() => -1),
    },
    suites: ['launch'],
    messages: [],
    digests: [],
    axes: [axis('kernel', KERNELS, 0), axis('type', TYPES, 1), axis('size', SIZES, 2)],
    earlier: null,
    history: { titles: [], results: [] },
    chunkStarts: [[], []],
  };
  return new Run(index);
}

const told = (of: Run): string | undefined => {
  const cause = commonCause(of, 'fail');
  if (cause === undefined) return undefined;
  const words = cause.conditions.map(({ axis, value }) => `${axis.name} ${axis.values[value]}`).sort();
  return `${words.join(' and ')}: ${cause.met} of ${cause.of}, ${cause.all} in all`;
};

test('one value that all failures share is told, and no more than that', () => {
  expect(told(run((kernel) => (kernel === '6.6' ? 'f' : 'p')))).toBe('kernel 6.6: 12 of 12, 12 in all');
  expect(told(run((kernel, _, size) => (kernel === '6.6' && size !== '1' ? 'f' : 'p')))).toBe(
    'kernel 6.6: 9 of 9, 12 in all',
  );
});

test('two values are told where one alone would blame too many', () => {
  const both = run((kernel, type) => (kernel === '6.12' && type === 'Genoa' ? 'f' : 'p'));
  expect(told(both)).toBe('kernel 6.12 and type Genoa: 4 of 4, 4 in all');
});

test('nothing is told where nothing, or everything, or anything fails', () => {
  expect(told(run(() => 'p'))).toBeUndefined();
  expect(told(run(() => 'f'))).toBeUndefined();
  let turn = 0;
  expect(told(run(() => (turn++ % 5 === 0 ? 'f' : 'p')))).toBeUndefined();
});

test('the first map is over the axes that tell most', () => {
  expect(new Set(tellingAxes(run((kernel, type) => (kernel === '6.1' || type === 'Turin' ? 'f' : 'p'))))).toEqual(
    new Set(['kernel', 'type']),
  );
  expect(tellingAxes(run(() => 'p'))).toContain('size');
});

test('a view survives its address, and an address that names nothing known is the first view', () => {
  const night = run((kernel) => (kernel === '6.6' ? 'f' : 'p'));
  const first = firstView(night);
  const view = {
    ...first,
    x: 'size',
    filters: { type: ['Milan', 'Turin'] },
    kinds: ['fail' as const],
    query: 'a & b',
    open: 7,
  };
  expect(fromHash(`#${toHash(view, first, night)}`, first, night)).toEqual(view);
  expect(toHash(first, first, night)).toBe('');
  expect(fromHash('#cell=gone&down=gone&only.gone=1&only.type=gone&results=gone', first, night)).toEqual(first);
  expect(shownRows(night, view)).toEqual([]);
  expect(shownRows(night, { ...view, query: '' })).toHaveLength(8);
});
