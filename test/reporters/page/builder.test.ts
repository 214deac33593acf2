import { inputsOfCell } from '../../../lib/reporters/matrix-page.ts';
import { PageBuilder, type PageData } from '../../../lib/reporters/page/builder.ts';
import type { CellDetail, PageIndex } from '../../../lib/reporters/page/model.ts';
import type { ResultRow } from '../../../lib/reporters/row.ts';
import { expect, test } from '../../support/test.ts';
import { cellFile, row } from '../rows.ts';
import { madeRows } from './made-run.ts';
import { indexOf, keptValue } from './unpack.ts';

function built(rows: Iterable<ResultRow>, recorded = false): PageData {
  const run = { title: 'night', tool: 'snp-conform 0', recorded, madeAt: new Date(0), troubles: ['a\u001b[31mb'] };
  const builder = new PageBuilder(run, inputsOfCell);
  for (const one of rows) builder.add(one);
  return builder.end();
}

const detailOf = (data: PageData, place: number): CellDetail =>
  keptValue(data.chunks, indexOf(data).rows.detail[place] ?? -1) as CellDetail;

const axis = (index: PageIndex, name: string) => index.axes.find((one) => one.name === name);

test('the order of the page does not depend on which cell ended first', () => {
  const rows = [...madeRows(30, (_, number) => (number % 7 === 0 ? 'fail' : 'pass'))];
  const forward = indexOf(built(rows));
  const backward = indexOf(built([...rows].reverse()));
  expect(backward.rows.id).toEqual(forward.rows.id);
  expect(backward.rows.results).toBe(forward.rows.results);
  for (const { name, values, of } of forward.axes) {
    expect(axis(backward, name)?.of.map((value) => axis(backward, name)?.values[value])).toEqual(
      of.map((value) => values[value]),
    );
  }
});

test('numbers on an axis are in order of size', () => {
  const index = indexOf(built(madeRows(60, () => 'pass')));
  expect(axis(index, 'vcpus')?.values).toEqual(['1', '2', '4', '8', '16', '32', '64', '96', '128', '192']);
});

test('a cell that left no evidence stands on the axes of the matrix all the same', () => {
  const rows = [...madeRows(3, (_, number) => (number === 1 ? 'infrastructure' : 'pass'))];
  const index = indexOf(built(rows));
  const lost = index.rows.results.indexOf('i');
  expect(index.rows.detail[lost]).toBe(-1);
  const type = axis(index, 'vcpuType');
  expect(type?.values[type.of[lost] ?? -1]).toBe(rows[1]?.planned?.vcpuType);
  expect(axis(index, 'hostKernel')?.of[lost]).toBe(-1);
});

test('evidence is called what it is', () => {
  expect(indexOf(built([row('pass', { cell: cellFile() })])).labels).toEqual(['emulated']);
  expect(indexOf(built([row('pass', { cell: cellFile() })], true)).labels).toEqual(['recorded emulated']);
  expect(indexOf(built([row('skip')])).labels).toEqual([]);
});

test('predicted pages stand beside those of the trace, vCPUs that are alike as one', () => {
  const [first] = madeRows(31, () => 'pass');
  const many = [...madeRows(31, () => 'pass')].at(10);
  const one = detailOf(built(first === undefined ? [] : [first]), 0).ledger;
  expect(one[0]).toMatchObject({ what: 'firmware image', predicted: 'NORMAL at 0xffc00000, 1024 pages' });
  expect(one.filter(({ observed, predicted }) => observed !== undefined && observed !== predicted)).toEqual([]);
  const cell = many?.cell;
  const rows = detailOf(built(many === undefined ? [] : [many]), 0).ledger;
  expect(cell?.evidence.cell.vcpus).toBe(4);
  expect(rows.slice(-2).map(({ what, observed }) => ({ what, observed }))).toEqual([
    { what: 'vCPU 0', observed: undefined },
    { what: 'vCPU 1 to 3, alike', observed: undefined },
  ]);
  expect(rows.at(-1)?.digestAfter).toBe(cell?.predicted);
});

test('a page that QEMU never handed over, and one that it should not have, are seen in the ledger', () => {
  const [first] = madeRows(1, () => 'pass');
  const cell = first?.cell;
  if (first === undefined || cell === undefined) throw new Error('no cell was made');
  const { outcome } = cell.evidence;
  const updates = outcome.trace.filter(({ event }) => event === 'launch_update');
  const trace = [...updates.slice(0, 3), ...updates.slice(4), ...updates.slice(1, 3)];
  const changed = { ...cell, evidence: { ...cell.evidence, outcome: { ...outcome, trace } } };
  const rows = detailOf(built([{ ...first, cell: changed }]), 0).ledger;
  expect(rows.findIndex(({ predicted, observed }) => predicted !== observed)).toBe(3);
  expect(rows.some(({ what, observed }) => what === 'not predicted' && observed?.startsWith('ZERO'))).toBe(true);
});

test('an endless console is kept from its end, and says how much is left out', () => {
  const console = `${'x'.repeat(50 * 1024 * 1024)}the end`;
  const data = built([row('fail', { cell: cellFile({ console }) })]);
  const kept = detailOf(data, 0).cell.evidence.outcome.console;
  expect(kept.length).toBeLessThan(300_000);
  expect(kept).toMatch(/^\[\d+ characters before this\]\nx/);
  expect(kept.endsWith('the end')).toBe(true);
  expect(data.chunks.flat().join('').length).toBeLessThan(100_000);
});

test('no text of the page holds controls or direction marks', () => {
  const hostile = '\u001b[2J\u202eabc\u0000\u2066';
  const cell = cellFile({ console: hostile, stderr: hostile, querySev: { [hostile]: [hostile] } });
  const data = built([row('fail', { cell, message: hostile, name: 'x/\u202e' })]);
  const texts = [JSON.stringify(indexOf(data)), JSON.stringify(detailOf(data, 0))].join('');
  for (const forbidden of ['\u001b', '\\u001b', '\u202e', '\u2066', '\\u0000']) expect(texts).not.toContain(forbidden);
  expect(texts).toContain('abc');
});
