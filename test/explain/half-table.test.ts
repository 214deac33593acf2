import { HALF_BYTES } from '../../lib/explain/chain-walker.ts';
import { HalfTable } from '../../lib/explain/half-table.ts';
import { expect, test } from '../support/test.ts';

test('a half is made once, in a place of its own, and one that cannot be launched is remembered as well', () => {
  const table = new HalfTable(3);
  const asked: number[] = [];
  const of = (number: number) =>
    table.of(number, (half) => {
      asked.push(number);
      half.fill(number + 1);
      return number !== 1;
    });
  const rounds = [0, 1].map(() => [2, 0, 1].map((number) => of(number)?.toString('hex')));
  const half = (value: string): string => value.repeat(HALF_BYTES);
  expect(rounds).toEqual([0, 1].map(() => [half('03'), half('01'), undefined]));
  expect(asked).toEqual([2, 0, 1]);
  expect(table.bytes).toBe(3 * HALF_BYTES);
});
