import { z } from 'zod';
import { keysAt } from '../../lib/evidence/schema-keys.ts';
import { expect, test } from '../support/test.ts';

const SCHEMA = z.strictObject({
  list: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('a'), only: z.strictObject({ x: z.string() }).optional() }),
      z.strictObject({
        kind: z.literal('b'),
        other: z.record(z.string(), z.strictObject({ y: z.string() })).default({}),
      }),
    ]),
  ),
});

const document = { list: [{ kind: 'a' }, { kind: 'b', other: { any: {} } }, { kind: 'c' }] };

for (const [path, keys] of [
  [[], ['list']],
  [
    ['list', 0],
    ['kind', 'only'],
  ],
  [
    ['list', 1],
    ['kind', 'other'],
  ],
  [
    ['list', 2],
    ['kind', 'only'],
  ],
  [['list', 0, 'only'], ['x']],
  [['list', 1, 'other', 'any'], ['y']],
  [['list', 1, 'other'], []],
  [['list'], []],
  [['nothing', 'there'], []],
] as const) {
  test(`at ${path.join('.') || 'the top'} the keys are ${keys.join(', ') || 'none'}`, () => {
    expect(keysAt(SCHEMA, path, document)).toEqual(keys);
  });
}
