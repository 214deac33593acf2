import fc from 'fast-check';
import { type CmdlineVariant, cmdlineVariants } from '../../lib/explain/cmdline.ts';
import { USUAL_TOKENS } from '../../lib/explain/cmdline-tokens.ts';
import { LIKELIHOODS, type Likelihood } from '../../lib/explain/option.ts';
import { expect, test } from '../support/test.ts';

/** Of each text the most usual variant, as a search has it. */
function variantsOf(text: string): Map<string, CmdlineVariant> {
  const best = new Map<string, CmdlineVariant>();
  for (const variant of cmdlineVariants(text)) {
    const known = best.get(variant.text);
    if (known === undefined || LIKELIHOODS[variant.likelihood] > LIKELIHOODS[known.likelihood])
      best.set(variant.text, variant);
  }
  return best;
}

const WORDS = ['root=/dev/vda3', 'quiet', 'ro', 'slot=A', 'loglevel=7'];
const TEXT = WORDS.join(' ');
const VARIANTS = variantsOf(TEXT);

const places = WORDS.map((_, at) => at);
const gaps = [...places, WORDS.length];
const with1 = (at: number, ...words: readonly string[]): string =>
  [...WORDS.slice(0, at), ...words, ...WORDS.slice(at)].join(' ');
const put = (at: number, word: string): string => WORDS.map((old, index) => (index === at ? word : old)).join(' ');
const without = (from: number, to = from + 1): string => [...WORDS.slice(0, from), ...WORDS.slice(to)].join(' ');
const moved = (from: number, to: number): string => {
  const rest = WORDS.filter((_, index) => index !== from);
  return [...rest.slice(0, to), WORDS[from], ...rest.slice(to)].join(' ');
};
const swapped = (a: number, b: number): string =>
  WORDS.map((word, index) => (index === a ? WORDS[b] : index === b ? WORDS[a] : word)).join(' ');

/** Edits as they are described in docs/mismatch-causes.md, every place of each, and how usual they must be at least. */
const EDITS: readonly { what: string; texts: readonly string[]; least: Likelihood }[] = [
  { what: 'a word left out', texts: places.map((at) => without(at)), least: 'core' },
  {
    what: 'cut at a word, from either side',
    texts: places.slice(1).flatMap((at) => [without(at, WORDS.length), without(0, at)]),
    least: 'usual',
  },
  {
    what: 'several words in a row left out',
    texts: places.flatMap((at) => gaps.slice(at + 2).map((to) => without(at, to))),
    least: 'wide',
  },
  {
    what: 'a usual word at either end',
    texts: USUAL_TOKENS.flatMap((word) => [with1(0, word), with1(WORDS.length, word)]),
    least: 'core',
  },
  {
    what: 'a usual word in between',
    texts: gaps.flatMap((at) => USUAL_TOKENS.map((word) => with1(at, word))),
    least: 'wide',
  },
  {
    what: 'a word twice',
    texts: WORDS.flatMap((word, at) => [with1(WORDS.length, word), with1(at, word)]),
    least: 'usual',
  },
  {
    what: 'a word replaced by a usual one',
    texts: places.flatMap((at) => USUAL_TOKENS.map((word) => put(at, word))),
    least: 'wide',
  },
  {
    what: 'another usual value of a key',
    texts: [put(4, 'loglevel=0'), put(4, 'loglevel=8'), put(0, 'root=/dev/sda1')],
    least: 'core',
  },
  { what: 'ro and rw', texts: [put(2, 'rw')], least: 'core' },
  {
    what: 'a number moved',
    texts: [
      'root=/dev/vda1',
      'root=/dev/vda2',
      'root=/dev/vda4',
      'root=/dev/vda5',
      'root=/dev/vda6',
      'root=/dev/vda0',
    ].map((word) => put(0, word)),
    least: 'usual',
  },
  { what: 'the other slot', texts: [put(3, 'slot=B')], least: 'usual' },
  {
    what: 'two words exchanged',
    texts: places.flatMap((a) => places.slice(a + 1).map((b) => swapped(a, b))),
    least: 'core',
  },
  { what: 'a word elsewhere', texts: places.flatMap((from) => places.map((to) => moved(from, to))), least: 'core' },
  { what: 'sorted, and backwards', texts: [WORDS.toSorted().join(' '), WORDS.toReversed().join(' ')], least: 'core' },
  { what: 'a doubled space', texts: gaps.slice(1, -1).map((at) => with1(at, '')), least: 'core' },
  {
    what: 'a tab for a space',
    texts: gaps.slice(1, -1).map((at) => `${WORDS.slice(0, at).join(' ')}\t${WORDS.slice(at).join(' ')}`),
    least: 'usual',
  },
  {
    what: 'two words left out',
    texts: places.flatMap((a) =>
      places.slice(a + 1).map((b) => WORDS.filter((_, index) => index !== a && index !== b).join(' ')),
    ),
    least: 'wide',
  },
  {
    what: 'a word left out, and a usual one at either end',
    texts: places.flatMap((at) => USUAL_TOKENS.flatMap((word) => [`${without(at)} ${word}`, `${word} ${without(at)}`])),
    least: 'wide',
  },
  {
    what: 'a word left out, and a newline, a space or quotes',
    texts: places.flatMap((at) => [
      `${without(at)}\n`,
      `${without(at)} `,
      ` ${without(at)}`,
      `"${without(at)}"`,
      `'${without(at)}'`,
      without(at).replace(' ', '  '),
    ]),
    least: 'wide',
  },
  {
    what: 'newline, carriage return and spaces at the ends',
    texts: [`${TEXT}\n`, `${TEXT}\r\n`, `${TEXT} `, ` ${TEXT}`, `${TEXT}  `, ` ${TEXT} `],
    least: 'core',
  },
  { what: 'nothing at all', texts: [''], least: 'core' },
];

for (const { what, texts, least } of EDITS) {
  test(`a command line is thought of with ${what}`, () => {
    const missing = texts.filter((text) => {
      if (text === TEXT) return false;
      const variant = VARIANTS.get(text);
      return variant === undefined || LIKELIHOODS[variant.likelihood] < LIKELIHOODS[least];
    });
    expect(missing).toEqual([]);
  });
}

test('a word, its key and the whole line are thought of in one case', () => {
  const texts = [
    put(0, 'ROOT=/dev/vda3'),
    put(0, 'ROOT=/DEV/VDA3'),
    put(3, 'slot=a'),
    put(1, 'QUIET'),
    TEXT.toUpperCase(),
  ];
  expect(texts.filter((text) => !VARIANTS.has(text))).toEqual([]);
  expect(variantsOf('ROOT=X').has('root=X')).toBe(true);
  expect(VARIANTS.get(texts[0] ?? '')).toMatchObject({ cause: 'cmdline-typo', likelihood: 'wide' });
});

test('what is far from usual is not searched in pairs: two edits at once, words in between, a mistyped character', () => {
  const far = [with1(2, 'nosmt'), put(1, 'nosmt'), without(1, 3), `${without(1)}\n`, TEXT.replace('quiet', 'quiat')];
  expect(far.map((text) => VARIANTS.get(text)?.likelihood)).toEqual(far.map(() => 'wide'));
});

test('a single character left out, doubled, turned round, in the other case or another is thought of at every place', () => {
  const characters = [...'abcdefghijklmnopqrstuvwxyz0123456789-_./,:='];
  fc.assert(
    fc.property(fc.nat({ max: TEXT.length - 1 }), fc.constantFrom(...characters), (at, other) => {
      const [before, character, after] = [TEXT.slice(0, at), TEXT.charAt(at), TEXT.slice(at + 1)];
      const upper = character.toUpperCase();
      const typed = [
        before + after,
        before + character + character + after,
        before + after.slice(0, 1) + character + after.slice(1),
        before + (upper === character ? character.toLowerCase() : upper) + after,
        before + other + after,
      ];
      expect(typed.filter((text) => text !== TEXT && !VARIANTS.has(text))).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('typing errors are thought of up to 300 characters, words up to 64', () => {
  const typo = (length: number): boolean => variantsOf('a'.repeat(length)).has(`${'a'.repeat(length - 1)}z`);
  expect([typo(300), typo(301)]).toEqual([true, false]);
  const swap = (count: number): boolean => {
    const words = Array.from({ length: count }, (_, index) => `w${index}`);
    return variantsOf(words.join(' ')).has(words.toReversed().join(' '));
  };
  expect([swap(64), swap(65)]).toEqual([true, false]);
  expect(variantsOf(Array(65).fill('w').join(' ')).has(`${Array(65).fill('w').join(' ')}\n`)).toBe(true);
});

test('no character is torn apart that takes two code units', () => {
  const torn = cmdlineVariants('name=\u{1f510}x').filter(({ text }) => !text.isWellFormed());
  expect(torn).toEqual([]);
});

test('where no command line was predicted it may be of one, two or three usual words', () => {
  const empty = variantsOf('');
  expect(empty.get('quiet')?.likelihood).toBe('core');
  expect(empty.get('console=ttyS0 panic=1')?.likelihood).toBe('usual');
  expect(empty.get('console=ttyS0 root=/dev/vda1 ro')?.likelihood).toBe('wide');
  expect(VARIANTS.get(`${TEXT} console=ttyS0 panic=1`)?.likelihood).toBe('wide');
});

test('the cause is what the edit looks like', () => {
  const causes = [
    put(3, 'slot=B'),
    without(4),
    without(1),
    put(4, 'loglevel=8'),
    moved(0, 4),
    without(3, 5),
    with1(1, ''),
  ];
  expect(causes.map((text) => VARIANTS.get(text)?.cause)).toEqual([
    ...[
      'cmdline-slot',
      'cmdline-debug',
      'cmdline-tokens',
      'cmdline-debug',
      'cmdline-order',
      'cmdline-cut',
      'cmdline-spaces',
    ],
  ]);
});

test('a few words are tried in every order, many are not', () => {
  const ordersOf = (text: string) => new Set(cmdlineVariants(text).map((variant) => variant.text));
  const four = ordersOf('console=ttyS0 root=/dev/vda2 ro quiet');
  expect(four).toContain('quiet console=ttyS0 ro root=/dev/vda2');
  expect(ordersOf('a b c d e f')).toContain('c f b e a d');
  expect(ordersOf('a b c d e f g')).not.toContain('c f b e a d g');
});
