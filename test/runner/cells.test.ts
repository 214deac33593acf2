import { cellIdOfTitle, hostTag, hostTagPattern, inGroups, modeOf } from '../../lib/runner/cells.ts';
import { loadPlan } from '../../lib/runner/plan.ts';
import { expect, test } from '../support/test.ts';
import { replayPlan } from './plans.ts';

test('a host picks the tests with its tag, not those of a host whose name begins like its own', () => {
  const pattern = hostTagPattern('milan-1');
  expect(pattern.test(`launch x ${hostTag('milan-1')}`)).toBe(true);
  expect(pattern.test(`launch x ${hostTag('milan-1')} ${hostTag('genoa-1')}`)).toBe(true);
  for (const other of ['milan-10', 'milan-1-b', 'milan', 'genoa-1'])
    expect(pattern.test(`x ${hostTag(other)}`), other).toBe(false);
});

test('a test without the tag of any host is for every host', () => {
  const pattern = hostTagPattern('milan-1', ['milan-1', 'genoa-1']);
  expect(pattern.test('own › policy table @slow')).toBe(true);
  expect(pattern.test('own › x @genoa-1 @milan-1')).toBe(true);
  expect(pattern.test('own › x @genoa-1')).toBe(false);
});

test('the cell that a test is about is its title without the name of a scenario', () => {
  const id = 'amdsev/linux/policy-0x30000/features-0x1/1-vcpu/EPYC-v4';
  expect([id, `${id}/identity/wrong-digest`, `${id}/policy/no-smt`].map(cellIdOfTitle)).toEqual([id, id, id]);
});

const { cells } = loadPlan(replayPlan('/x'));
const many = Array.from({ length: 3 }, () => cells)
  .flat()
  .map((hosted, index) => ({ ...hosted, cell: { ...hosted.cell, id: `${hosted.cell.id}/${index}` } }));

for (const [title, all] of [
  ['few', cells],
  ['many', many],
] as const) {
  test(`${title} cells are each in one group, in groups of 48 at most with names of their own`, () => {
    const groups = inGroups(all, 'parallel');
    const ids = groups.flatMap((group) => group.cells.map(({ cell }) => cell.id));
    expect(ids.sort()).toEqual(all.map(({ cell }) => cell.id).sort());
    expect(new Set(groups.map((group) => group.title)).size).toBe(groups.length);
    expect(Math.max(...groups.map((group) => group.cells.length))).toBeLessThanOrEqual(48);
    for (const group of groups) {
      for (const { cell } of group.cells)
        expect(group.title.startsWith(`${cell.firmware}/${cell.kernel ?? 'no-kernel'}`)).toBe(true);
    }
  });
}

test('cells are handed out one by one, by the group where they are many or one worker sees to all; parts are made of cells', () => {
  const mode = (count: number, ahead: boolean, shard?: string) =>
    modeOf({ cells: count, ahead, ...(shard !== undefined && { shard }) });
  expect([mode(400, false), mode(401, false), mode(2, true), mode(2, true, '2/2')]).toEqual([
    'parallel',
    'default',
    'default',
    'parallel',
  ]);
});
