import fc from 'fast-check';
import { editDistance, mostSimilar } from '../lib/similar.ts';
import { expect, test } from './support/test.ts';

test('counts single-character edits', () => {
  expect(editDistance('', '')).toBe(0);
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('kitten', 'sitting')).toBe(3);
});

test('is a distance: none to itself, the same both ways, never more than the longer text', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      expect(editDistance(left, left)).toBe(0);
      expect(editDistance(left, right)).toBe(editDistance(right, left));
      expect(editDistance(left, right)).toBeLessThanOrEqual(Math.max(left.length, right.length));
    }),
  );
});

test('finds the name that was meant, and none where nothing is like it', () => {
  const known = ['address', 'agent', 'privateKey', 'port'];
  expect(mostSimilar('adress', known)).toBe('address');
  expect(mostSimilar('PRIVATEKEY', known)).toBe('privateKey');
  expect(mostSimilar('private_key', known)).toBe('privateKey');
  expect(mostSimilar('colour', known)).toBeUndefined();
  expect(mostSimilar('x', [])).toBeUndefined();
});
