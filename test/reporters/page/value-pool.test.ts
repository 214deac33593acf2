import fc from 'fast-check';
import { ValuePool } from '../../../lib/reporters/page/value-pool.ts';
import { expect, test } from '../../support/test.ts';
import { keptValue, unpack } from './unpack.ts';

const asIs = (text: string): string => text;

/** Values with much in common, long texts, and keys that look like references. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('x'.repeat(200), 'é\u2028"\\'.repeat(60)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('$', '$$', '$a', 'a', 'name', 'toString'), tie('value'), { maxKeys: 4 }),
  ),
})).value;

test('what is kept is read back, whatever it holds', () => {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 6 }), (all) => {
      const pool = new ValuePool(asIs);
      const numbers = all.map((value) => pool.add(value));
      const { chunks } = pool.end();
      expect(numbers.map((number) => keptValue(chunks, number))).toEqual(JSON.parse(JSON.stringify(all)));
    }),
    { numRuns: 200 },
  );
});

test('what several values have in common is kept once', () => {
  const host = { name: 'milan-1', facts: 'f'.repeat(500) };
  const pool = new ValuePool(asIs);
  for (let cell = 0; cell < 100; cell++) pool.add({ cell, host, more: { deep: [host] } });
  const text = pool.end().chunks.flat().map(unpack).join('');
  expect(text.split('f'.repeat(500)).length - 1).toBe(1);
});

test('a long run is kept in chunks that say where they begin', () => {
  const pool = new ValuePool(asIs);
  const texts = Array.from({ length: 60 }, (_, number) => `${number} `.repeat(8000));
  const numbers = texts.map((text) => pool.add({ text }));
  const { chunks, starts } = pool.end();
  expect(chunks[0]?.length).toBeGreaterThan(2);
  for (const [stream, packed] of chunks.entries()) {
    const counts = packed.map((chunk) => (JSON.parse(unpack(chunk)) as unknown[]).length);
    const before = counts.map((_, place) => counts.slice(0, place).reduce((sum, count) => sum + count, 0));
    expect(starts[stream]).toEqual(before);
  }
  expect(numbers.map((number) => keptValue(chunks, number))).toEqual(texts.map((text) => ({ text })));
});

test('every text is cleaned, names too', () => {
  const pool = new ValuePool((text) => text.toUpperCase());
  const number = pool.add({ key: ['a', { inner: 'b' }] });
  expect(keptValue(pool.end().chunks, number)).toEqual({ KEY: ['A', { INNER: 'B' }] });
});
