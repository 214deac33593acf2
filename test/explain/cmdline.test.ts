import { cmdlineVariants } from '../../lib/explain/cmdline.ts';
import { expect, test } from '../support/test.ts';

const words = (count: number): string => Array.from({ length: count }, (_, index) => `o${index}=1`).join(' ');
const without = (text: string, word: string): string => text.replace(` ${word}`, '');

test('of a command line of 64 words each word may have been left out; a longer one is only written otherwise', () => {
  const lacksOne = (count: number): boolean => {
    const text = words(count);
    return cmdlineVariants(text).some((variant) => variant.text === without(text, `o${count - 1}=1`));
  };
  expect([64, 65].map(lacksOne)).toEqual([true, false]);
  expect(cmdlineVariants(words(65)).length).toBeGreaterThan(1);
});

test('words in another order: neighbours swapped, one at the front or the back, sorted, the other way around', () => {
  const likely = (text: string): string | undefined =>
    cmdlineVariants('d c b a').find((variant) => variant.text === text && variant.cause === 'cmdline-order')
      ?.likelihood;
  for (const order of ['c d b a', 'd b c a', 'd c a b', 'b d c a', 'd b a c', 'a b c d', 'a c b d']) {
    expect(likely(order), order).toBe('core');
  }
});

test('two words far apart swapped: among the first to be searched for up to eight words', () => {
  const swapped = (count: number): string | undefined => {
    const tokens = words(count).split(' ');
    const [first, , , fourth] = tokens;
    const text = [fourth, tokens[1], tokens[2], first, ...tokens.slice(4)].join(' ');
    return cmdlineVariants(tokens.join(' ')).find((variant) => variant.text === text)?.likelihood;
  };
  expect([8, 9].map(swapped)).toEqual(['core', 'usual']);
});
