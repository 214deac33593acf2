import type { CauseId } from './causes.ts';
import { USUAL_TOKENS, VALUES_OF_KEY } from './cmdline-tokens.ts';
import type { Likelihood } from './option.ts';

/** A command line that may have been measured in place of another. */
export interface CmdlineVariant {
  readonly text: string;
  readonly cause: CauseId;
  readonly likelihood: Likelihood;
}

type Edit = (text: string) => string;

/** Edits of how a command line is written, not of its words. */
const FORMAT_EDITS: readonly (readonly [Edit, CauseId, Likelihood])[] = [
  [(text) => `${text}\n`, 'cmdline-newline', 'top'],
  [(text) => text.trim(), 'cmdline-spaces', 'top'],
  [(text) => text.replace(/\s+$/, ''), 'cmdline-spaces', 'top'],
  [(text) => `${text} `, 'cmdline-spaces', 'top'],
  [(text) => text.replace(/ {2,}/g, ' '), 'cmdline-spaces', 'core'],
  [(text) => text.replace(/\s+/g, ' ').trim(), 'cmdline-spaces', 'core'],
  [(text) => ` ${text}`, 'cmdline-spaces', 'core'],
  [(text) => ` ${text} `, 'cmdline-spaces', 'core'],
  [(text) => text.replace(/^ +/, ''), 'cmdline-spaces', 'core'],
  [(text) => `${text}  `, 'cmdline-spaces', 'core'],
  [(text) => `${text}\r\n`, 'cmdline-newline', 'core'],
  [(text) => `${text}\r`, 'cmdline-newline', 'usual'],
  [(text) => `${text} \n`, 'cmdline-newline', 'core'],
  [(text) => `\n${text}`, 'cmdline-newline', 'usual'],
  [(text) => `${text}\n\n`, 'cmdline-newline', 'usual'],
  [(text) => `${text}\t`, 'cmdline-spaces', 'usual'],
  [(text) => text.replaceAll(' ', '\t'), 'cmdline-spaces', 'usual'],
  [(text) => text.replaceAll('\t', ' '), 'cmdline-spaces', 'core'],
  [(text) => text.replaceAll('\n', ' '), 'cmdline-newline', 'core'],
  [(text) => text.replaceAll('\n', ''), 'cmdline-newline', 'core'],
  [(text) => text.replaceAll('\u00a0', ' '), 'cmdline-spaces', 'usual'],
  [(text) => text.replaceAll(' ', '  '), 'cmdline-spaces', 'core'],
  [(text) => text.replaceAll('\\"', '"'), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll(/(?<!\\)"/g, '\\"'), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll('"', ''), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll("'", ''), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll(/["']/g, ''), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll('"', "'"), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll("'", '"'), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll('\\', ''), 'cmdline-quotes', 'core'],
  [(text) => `"${text}"`, 'cmdline-quotes', 'core'],
  [(text) => `'${text}'`, 'cmdline-quotes', 'core'],
  [(text) => `\\"${text}\\"`, 'cmdline-quotes', 'usual'],
  [(text) => text.replace(/^(["'])(.*)\1$/s, '$2'), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll(',,', ','), 'cmdline-quotes', 'core'],
  [(text) => text.replaceAll(/(?<!,),(?!,)/g, ',,'), 'cmdline-quotes', 'core'],
  [(text) => `-append ${text}`, 'cmdline-quotes', 'usual'],
  [(text) => `initrd=initrd ${text}`, 'cmdline-of-the-guest', 'core'],
  [(text) => text.replace(/^initrd=initrd /, ''), 'cmdline-of-the-guest', 'core'],
  [(text) => text.replace(/^BOOT_IMAGE=\S+ /, ''), 'cmdline-of-the-guest', 'core'],
  [(text) => text.replace(/^(?:BOOT_IMAGE=\S+ )?(?:initrd=\S+ )?/, ''), 'cmdline-of-the-guest', 'core'],
];

/** Every place where a space stands alone, doubled, or a tab; every double one halved. */
function spacings(text: string): CmdlineVariant[] {
  return [...text.matchAll(/ +/g)].flatMap(({ 0: spaces, index }) => {
    const written = (count: number): CmdlineVariant => ({
      text: `${text.slice(0, index)}${' '.repeat(count)}${text.slice(index + spaces.length)}`,
      cause: 'cmdline-spaces',
      likelihood: 'core',
    });
    const tab = `${text.slice(0, index)}\t${text.slice(index + spaces.length)}`;
    return [
      written(spaces.length + 1),
      { text: tab, cause: 'cmdline-spaces', likelihood: 'usual' },
      ...(spaces.length > 1 ? [written(spaces.length - 1), written(1)] : []),
    ];
  });
}

const debugging = /debug|log|console|verbose|show_status|initcall/;
const slot = /(?:^|[=/_.-])[aAbB](?:$|[/_.,-])|\d$/;

function tokenCause(token: string): CauseId {
  if (debugging.test(token)) return 'cmdline-debug';
  return 'cmdline-tokens';
}

const DIGITS: readonly number[] = Array.from({ length: 10 }, (_, digit) => digit);

/** Numbers and slots in a token, moved: root=/dev/vda2 for root=/dev/vda3, slot A for slot B. */
function movedToken(token: string): string[] {
  const variants: string[] = [];
  for (const { 0: digits, index } of token.matchAll(/\d{1,9}/g)) {
    const number = Number(digits);
    // Of one digit every other is as near: of disks, partitions, consoles.
    const candidates =
      digits.length === 1
        ? DIGITS
        : [number + 1, number - 1, number + 2, number * 2, Math.floor(number / 2), 0, 1].filter((value) => value >= 0);
    variants.push(
      ...candidates.map((value) => `${token.slice(0, index)}${value}${token.slice(index + digits.length)}`),
    );
  }
  for (const [from, to] of [
    ['A', 'B'],
    ['B', 'A'],
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    variants.push(token.replace(new RegExp(`(^|[=/_.:-])${from}(?=$|[/_.,:-])`), `$1${to}`));
  }
  return variants.filter((variant) => variant !== token);
}

function withToken(tokens: readonly string[], at: number, token: string): string {
  return [...tokens.slice(0, at), token, ...tokens.slice(at)].join(' ');
}

function without(tokens: readonly string[], from: number, count = 1): string {
  return [...tokens.slice(0, from), ...tokens.slice(from + count)].join(' ');
}

function replaced(tokens: readonly string[], at: number, token: string): string {
  return tokens.map((old, index) => (index === at ? token : old)).join(' ');
}

function removals(tokens: readonly string[]): CmdlineVariant[] {
  const one = tokens.map((token, at) => ({
    text: without(tokens, at),
    cause: tokenCause(token),
    likelihood: 'core' as const,
  }));
  const ends = tokens.slice(1).flatMap((_, at) => [
    { text: tokens.slice(0, at + 1).join(' '), cause: 'cmdline-cut' as const, likelihood: 'usual' as const },
    { text: tokens.slice(at + 1).join(' '), cause: 'cmdline-cut' as const, likelihood: 'usual' as const },
  ]);
  const stretches = tokens.flatMap((_, at) =>
    tokens.slice(at + 1).map((__, more) => ({
      text: without(tokens, at, more + 2),
      cause: 'cmdline-tokens' as const,
      likelihood: 'wide' as const,
    })),
  );
  return [...one, ...ends, ...stretches];
}

function additions(tokens: readonly string[]): CmdlineVariant[] {
  const added =
    (likelihood: Likelihood, at: number) =>
    (token: string): CmdlineVariant => ({
      text: withToken(tokens, at, token),
      cause: tokenCause(token),
      likelihood,
    });
  const inner = tokens.slice(1).flatMap((_, at) => USUAL_TOKENS.map(added('wide', at + 1)));
  return [
    ...USUAL_TOKENS.map(added('core', tokens.length)),
    ...USUAL_TOKENS.map(added('core', 0)),
    ...tokens.map(added('usual', tokens.length)),
    ...tokens.map((token, at) => added('usual', at)(token)),
    ...inner,
  ];
}

function replacements(tokens: readonly string[]): CmdlineVariant[] {
  return tokens.flatMap((token, at) => {
    const key = token.slice(0, token.indexOf('='));
    const values = token.includes('=') ? (VALUES_OF_KEY.get(key) ?? []) : [];
    const opposite = token === 'ro' ? ['rw'] : token === 'rw' ? ['ro'] : [];
    const others: CmdlineVariant[] = [...opposite, ...values.map((value) => `${key}=${value}`)].map((other) => ({
      text: replaced(tokens, at, other),
      cause: tokenCause(token),
      likelihood: 'core',
    }));
    const moved: CmdlineVariant[] = movedToken(token).map((other) => ({
      text: replaced(tokens, at, other),
      cause: slot.test(token) ? 'cmdline-slot' : 'cmdline-tokens',
      likelihood: 'usual',
    }));
    const any: CmdlineVariant[] = USUAL_TOKENS.map((other) => ({
      text: replaced(tokens, at, other),
      cause: tokenCause(token),
      likelihood: 'wide',
    }));
    return [...others, ...moved, ...any];
  });
}

function reorderings(tokens: readonly string[]): CmdlineVariant[] {
  const variant = (order: readonly string[], likelihood: Likelihood): CmdlineVariant => ({
    text: order.join(' '),
    cause: 'cmdline-order',
    likelihood,
  });
  const swap = (a: number, b: number): string[] =>
    tokens.map((token, at) => (at === a ? (tokens[b] ?? '') : at === b ? (tokens[a] ?? '') : token));
  const taken = (at: number): string[] => tokens.filter((_, index) => index !== at);
  const few = tokens.length <= 8;
  const all = tokens.length <= ORDERED_MAX ? orders(tokens) : [];
  return [
    ...tokens.slice(1).map((_, at) => variant(swap(at, at + 1), 'core')),
    ...tokens.map((token, at) => variant([token, ...taken(at)], 'core')),
    ...tokens.map((token, at) => variant([...taken(at), token], 'core')),
    variant([...tokens].sort(), 'core'),
    variant([...tokens].reverse(), 'core'),
    ...tokens.flatMap((_, a) =>
      tokens.slice(a + 2).map((__, more) => variant(swap(a, a + 2 + more), few ? 'core' : 'usual')),
    ),
    ...tokens.flatMap((token, from) =>
      tokens.map((_, to) =>
        variant([...taken(from).slice(0, to), token, ...taken(from).slice(to)], few ? 'core' : 'usual'),
      ),
    ),
    ...all.map((order) => variant(order, 'wide')),
  ];
}

/** So few words are tried in every order: 720 of six. */
const ORDERED_MAX = 6;

/** Every order of a few words. */
function orders(tokens: readonly string[]): string[][] {
  if (tokens.length <= 1) return [[...tokens]];
  return tokens.flatMap((token, at) =>
    orders(tokens.filter((_, index) => index !== at)).map((rest) => [token, ...rest]),
  );
}

/** Characters of which names and values are made. */
const TYPED = [...'abcdefghijklmnopqrstuvwxyz0123456789-_./,:='] as const;
/** A longer command line has so many typing errors that they would be most of what is searched. */
const TYPED_MAX = 300;

/** One character left out, doubled, turned round with the next, in the other case, or another: as people type. */
function typos(text: string): CmdlineVariant[] {
  if (text.length > TYPED_MAX) return [];
  const characters = [...text];
  const texts = characters.flatMap((character, at) => {
    const [before, after] = [characters.slice(0, at).join(''), characters.slice(at + 1).join('')];
    const [next = '', ...others] = characters.slice(at + 1);
    const upper = character.toUpperCase();
    return [
      before + after,
      before + character + character + after,
      before + next + character + others.join(''),
      before + (character === upper ? character.toLowerCase() : upper) + after,
      ...TYPED.map((other) => before + other + after),
    ];
  });
  return texts.map((typed) => ({ text: typed, cause: 'cmdline-typo', likelihood: 'wide' }));
}

/** A word, its key, or all of the line in one case: Linux minds the case of parameters, and people do not. */
function cases(text: string, tokens: readonly string[]): CmdlineVariant[] {
  const edits: readonly Edit[] = [
    (word) => word.toUpperCase(),
    (word) => word.toLowerCase(),
    (word) => word.replace(/^[^=]+(?==)/, (key) => key.toUpperCase()),
    (word) => word.replace(/^[^=]+(?==)/, (key) => key.toLowerCase()),
  ];
  const words = tokens.flatMap((token, at) => edits.map((edit) => replaced(tokens, at, edit(token))));
  return [text.toUpperCase(), text.toLowerCase(), ...words].map((cased) => ({
    text: cased,
    cause: 'cmdline-typo',
    likelihood: 'wide',
  }));
}

/** A longer command line has so many variants that the search would be about nothing else. */
const TOKENS_MAX = 64;

/** Edits of the writing that come together with one of the words. */
const TOGETHER: readonly Edit[] = [
  (text) => `${text}\n`,
  (text) => `${text} `,
  (text) => ` ${text}`,
  (text) => text.replace(' ', '  '),
  (text) => `"${text}"`,
  (text) => `'${text}'`,
];

/** Two edits at once: how the line is written, and one of its words. */
function compounds(single: readonly CmdlineVariant[]): CmdlineVariant[] {
  return single
    .filter(({ likelihood }) => likelihood === 'core')
    .flatMap(({ text, cause }) => TOGETHER.map((edit) => ({ text: edit(text), cause, likelihood: 'wide' as const })));
}

/** Two words removed, or one removed and one added at the end: what another version of a runtime does. */
function twoWords(tokens: readonly string[]): CmdlineVariant[] {
  return tokens.flatMap((_, at) => {
    const rest = [...tokens.slice(0, at), ...tokens.slice(at + 1)];
    const removed = rest.slice(at).map((__, more) => without(rest, at + more));
    const exchanged = USUAL_TOKENS.flatMap((token) => [withToken(rest, rest.length, token), withToken(rest, 0, token)]);
    return [...removed, ...exchanged].map((text) => ({
      text,
      cause: 'cmdline-tokens' as const,
      likelihood: 'wide' as const,
    }));
  });
}

/** The words that are put together where several are missing. */
const FIRST_TOKENS = USUAL_TOKENS.slice(0, 62);

/** Words of which short command lines are made. */
const MOST_USUAL = [
  ...['console=ttyS0', 'console=hvc0', 'console=ttyS0,115200', 'root=/dev/vda', 'root=/dev/vda1', 'root=/dev/vda2'],
  ...['root=/dev/sda1', 'ro', 'rw', 'quiet', 'debug', 'loglevel=7', 'panic=1', 'nokaslr', 'init=/sbin/init'],
];

/** Several usual words at the end; where no command line was predicted at all it is most likely made of a few. */
function appended(tokens: readonly string[]): CmdlineVariant[] {
  const variant = (added: readonly string[], likelihood: Likelihood): CmdlineVariant => ({
    text: [...tokens, ...added].join(' '),
    cause: 'cmdline-tokens',
    likelihood,
  });
  const pairs = FIRST_TOKENS.flatMap((first) => FIRST_TOKENS.map((second) => [first, second]));
  if (tokens.length > 0) return pairs.map((pair) => variant(pair, 'wide'));
  const triples = MOST_USUAL.flatMap((first) =>
    MOST_USUAL.flatMap((second) => MOST_USUAL.map((third) => [first, second, third])),
  );
  return [...pairs.map((pair) => variant(pair, 'usual')), ...triples.map((triple) => variant(triple, 'wide'))];
}

/**
 * The command lines that may have been measured in place of one, the most usual first; some may be the same.
 * @param text exactly as -append gets it; the empty text where there is none
 */
export function cmdlineVariants(text: string): CmdlineVariant[] {
  const formats = FORMAT_EDITS.map(([edit, cause, likelihood]) => ({ text: edit(text), cause, likelihood }));
  const empty: CmdlineVariant = { text: '', cause: 'cmdline-absent', likelihood: 'core' };
  // Two spaces in a row are an empty word between them: what is not edited stays as it is written.
  const tokens = text === '' ? [] : text.split(' ');
  if (tokens.length > TOKENS_MAX) return [...formats, ...spacings(text), empty];
  const words = [...removals(tokens), ...additions(tokens), ...replacements(tokens), ...reorderings(tokens)];
  return [
    ...formats,
    ...spacings(text),
    empty,
    ...words,
    ...compounds(words),
    ...twoWords(tokens),
    ...appended(tokens),
    ...cases(text, tokens),
    ...typos(text),
  ];
}
