import { splitShell } from '../../lib/qemu/shell-words.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const texts = (shell: string): string[][] => splitShell(shell).map((words) => words.map(({ text }) => text));
const unknown = (shell: string): (string | null)[] =>
  splitShell(shell)
    .flat()
    .map((word) => word.unknown?.part ?? null);

/** Shell text and the words of its commands; the words are those that dash and bash give. */
const SPLITS: readonly (readonly [string, string[][]])[] = [
  ['a b  c', [['a', 'b', 'c']]],
  ["a 'b c' d", [['a', 'b c', 'd']]],
  ['a "b \\"c\\" \\d" e', [['a', 'b "c" \\d', 'e']]],
  ["a''b ''", [['ab', '']]],
  ['a \\\n  b \\\r\n c', [['a', 'b', 'c']]],
  ['"a\\\nb"', [['ab']]],
  ['a\\ b \\$c', [['a b', '$c']]],
  ['a=1,,2 "x=$"', [['a=1,,2', 'x=$']]],
  ['a > log b 2>&1 c', [['a', 'b', 'c']]],
  ['a >log; b && c | d & ', [['a'], ['b'], ['c'], ['d']]],
  ['a\nb', [['a'], ['b']]],
  ['a2>log', [['a2']]],
  ['', []],
  ['a b#c', [['a', 'b#c']]],
  ['#!/bin/sh\n# b \\\nc d # e\nf', [['c', 'd'], ['f']]],
];

for (const [shell, words] of SPLITS) {
  test(`splits ${JSON.stringify(shell)} as a shell does`, () => {
    expect(texts(shell)).toEqual(words);
  });
}

/** Words of which only a shell could tell the text. */
const UNKNOWN: readonly (readonly [string, string | null])[] = [
  ['$HOME/x', '$HOME'],
  ['"$HOME/x"', '$HOME'],
  ['a$(cat f)', '$(cat f)'],
  ['a`cat f`', '`cat f`'],
  ['"$(cat "f")"', '$(cat "f")'],
  ['$((1 + 2))', '$((1 + 2))'],
  [`$\u007bA:-b}`, `$\u007bA:-b}`],
  ['kvm_*', '*'],
  ['~/k', '~'],
  ['{a,b}', '{'],
  ["'$HOME'", null],
  ['"kvm_*"', null],
  ['a~b', null],
  ['5$', null],
];
for (const [shell, part] of UNKNOWN) {
  test(`of ${shell} ${part === null ? 'all is known' : `${part} is not known`}`, () => {
    const found = errorCodeOf(() => splitShell(shell)) ?? unknown(shell);
    expect(found).toEqual([part]);
  });
}

for (const shell of ["a 'b", 'a "b', 'a (b)', 'a <<EOF', 'a $(b', 'a `b', 'a '.repeat(65_537)]) {
  test(`refuses ${JSON.stringify(shell.slice(0, 20))}`, () => {
    expect(errorCodeOf(() => splitShell(shell))).toBe('ARGV_INVALID');
  });
}
