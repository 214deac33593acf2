import fc from 'fast-check';
import { type Pairs, parseJsonPairs, parseNumber, parsePairs, parseSize, parseSwitch } from '../../lib/qemu/options.ts';
import { expect, test } from '../support/test.ts';

const strict = { impliedKey: 'type', bare: 'refused' } as const;
const loose = { impliedKey: 'qom-type', bare: 'boolean' } as const;

/** Values of options; what QEMU 10.0 makes of them, tried with the program. */
const CASES: readonly (readonly [string, typeof strict | typeof loose, Pairs])[] = [
  ['q35,vmport=off', strict, { pairs: [['type', 'q35'], ['vmport', 'off']] }], // biome-ignore format: one line a case
  ['q35,smm', strict, { fault: "Expected '=' after parameter 'smm'" }],
  ['smm=on,q35', strict, { fault: "Expected '=' after parameter 'q35'" }],
  [',2', strict, { fault: "Invalid parameter ''" }],
  ['=2', strict, { fault: "Invalid parameter ''" }],
  ['q35,', strict, { pairs: [['type', 'q35']] }],
  ['', strict, { pairs: [] }],
  ['t,share,noprealloc', loose, { pairs: [['qom-type', 't'], ['share', 'on'], ['prealloc', 'off']] }], // biome-ignore format: as above
  ['a=1,,2,b=,,', loose, { pairs: [['a', '1,2'], ['b', ',']] }], // biome-ignore format: as above
  ['a=b=c', loose, { pairs: [['a', 'b=c']] }],
];
for (const [text, syntax, pairs] of CASES) {
  test(`takes ${JSON.stringify(text)} apart, bare items ${syntax.bare}`, () => {
    expect(parsePairs(text, syntax)).toEqual(pairs);
  });
}

test('pairs come back from what writes them', () => {
  const key = fc.stringMatching(/^[a-z][a-z-]{0,8}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.string())), (pairs) => {
      const written = pairs.map(([name, text]) => `${name}=${text.replaceAll(',', ',,')}`).join(',');
      expect(parsePairs(written, loose)).toEqual({ pairs });
    }),
  );
});

test('the JSON form gives the same pairs', () => {
  expect(parseJsonPairs('{"qom-type":"sev-snp-guest","policy":196608,"kernel-hashes":true}')).toEqual({
    pairs: [
      ['qom-type', 'sev-snp-guest'],
      ['policy', '196608'],
      ['kernel-hashes', 'on'],
    ],
    types: new Map([
      ['qom-type', 'string'],
      ['policy', 'number'],
      ['kernel-hashes', 'boolean'],
    ]),
  });
  // QEMU takes strings in single quotes too.
  expect(parseJsonPairs(`{'a': "it's", "b": 'say \\'"hi"\\'', 'c': ''}`)).toMatchObject({
    pairs: [
      ['a', "it's"],
      ['b', `say '"hi"'`],
      ['c', ''],
    ],
  });
  for (const wrong of ['{', '[]', 'null', '{"policy":9007199254740993}', '{"a":1.5}']) {
    expect(parseJsonPairs(wrong), wrong).toHaveProperty('fault');
  }
});

test('numbers, switches and sizes are read as QEMU reads them', () => {
  expect(['4', '010', '0x10', '+2', ' 2', '0'].map(parseNumber)).toEqual([4n, 8n, 16n, 2n, 2n, 0n]);
  expect(['', '-1', '08', '4x', '0x', '0x10000000000000000', '18446744073709551616'].map(parseNumber)).toEqual(
    Array(7).fill(undefined),
  );
  expect(['on', 'yes', 'true', 'y', 'off', 'no', 'false', 'n', '1', 'ON'].map(parseSwitch)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    undefined,
    undefined,
  ]);
  expect([parseSize('2G', 'm'), parseSize('512', 'm'), parseSize('512', ''), parseSize('1.5G', 'm')]).toEqual([
    2n << 30n,
    512n << 20n,
    512n,
    undefined,
  ]);
});
