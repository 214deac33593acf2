import { evidenceLabel, totalsOf, totalsText } from '../../lib/reporters/row.ts';
import { columns, summaryTable } from '../../lib/reporters/table.ts';
import { expect, test } from '../support/test.ts';
import { row } from './rows.ts';

test('passes and failures are always told, other kinds where there are some', () => {
  expect(totalsText(totalsOf([]))).toBe('0 passed, 0 failed');
  const rows = [row('pass'), row('pass'), row('infrastructure'), row('configuration'), row('skip')];
  expect(totalsText(totalsOf(rows))).toBe('2 passed, 0 failed, 1 infrastructure, 1 configuration, 1 skipped');
});

test('recorded evidence is always called recorded', () => {
  expect(evidenceLabel('emulated', false)).toBe('emulated');
  expect(evidenceLabel('hardware', true)).toBe('recorded hardware');
});

test('columns are as wide as their widest cell, without blanks at the end', () => {
  expect(
    columns([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toEqual(['a    bb', 'ccc  d']);
  expect(columns([])).toEqual([]);
});

test('the table has a line per host, firmware and kernel, in an order of its own', () => {
  const rows = [
    row('fail', { host: 'b-host', name: 'fw/k1/x' }),
    row('pass', { host: 'a-host', name: 'fw/k2/x' }),
    row('pass', { host: 'a-host', name: 'fw/k1/x' }),
    row('pass', { host: 'a-host', name: 'fw/k1/y', durationMs: 2000 }),
  ];
  const want = [
    'host    firmware  kernel  pass  fail  seconds',
    'a-host  fw        k1      2     0     3.5',
    'a-host  fw        k2      1     0     1.5',
    'b-host  fw        k1      0     1     1.5',
  ];
  expect(summaryTable(rows)).toEqual(want);
  expect(summaryTable([...rows].reverse())).toEqual(want);
});
