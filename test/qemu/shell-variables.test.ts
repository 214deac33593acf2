import fc from 'fast-check';
import { splitShell } from '../../lib/qemu/shell-words.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const texts = (shell: string): string[][] => splitShell(shell).map((words) => words.map(({ text }) => text));

/** Scripts and the words of their commands; the words are those that bash gives. */
const SCRIPTS: readonly (readonly [string, string[][]])[] = [
  [`OVMF=/a/x.fd\nq -bios $OVMF -bios "\${OVMF}"`, [['q', '-bios', '/a/x.fd', '-bios', '/a/x.fd']]],
  ['export A="b c" B=d; q $A "$A" $B$B', [['q', 'b', 'c', 'b c', 'dd']]],
  ["readonly A='$B'; q $A", [['q', '$B']]],
  ['A=1; B=$A; A=2; q "$A$B"', [['q', '21']]],
  ['A=1; A=2 q $A', [['A=2', 'q', '1']]],
  ['O="-m 4G"\nO+=" -S"\nO="$O -x"\nq $O', [['q', '-m', '4G', '-S', '-x']]],
  ['A=" b "; q x$A$A"y"', [['q', 'x', 'b', 'b', 'y']]],
  ['A=; q $A "$A" $A', [['q', '']]],
  ['A="b c"; B=$A; q root=$B "root=$B"', [['q', 'root=b', 'c', 'root=b c']]],
  ['A=\'"b c"\'; q $A', [['q', '"b', 'c"']]],
  ['A=1 # one\n# A=2\nq \\\n  $A', [['q', '1']]],
  ['q "A=1" A=1 \'A\'=2', [['q', 'A=1', 'A=1', 'A=2']]],
  ['export A; q 1', [['q', '1']]],
  [
    'set -e; A=1; cd /x && q $A',
    [
      ['set', '-e'],
      ['cd', '/x'],
      ['q', '1'],
    ],
  ],
  [`if [ -e /x ]; then q; fi; A=1; q $A`, [['if', '[', '-e', '/x', ']'], ['then', 'q'], ['fi'], ['q', '1']]],
  [`q $'a\\tb\\'c\\x41\\101\\u00e9\\z' $"d e"`, [['q', "a\tb'cAA\u00e9\\z", 'd e']]],
  [`q $'\\xc3\\xa9'`, [['q', '\u00e9']]],
  [`q "$'a'"`, [['q', "$'a'"]]],
  [`A=(-m 1G); q "\${A[@]}"`, [['q', '-m', '1G']]],
  [
    `A=(\n  -m "1 G" # size\n  -S\n)\nA+=(-x "y z")\nq "a\${A[@]}b" \${A[@]}`,
    [['q', 'a-m', '1 G', '-S', '-x', 'y zb', '-m', '1', 'G', '-S', '-x', 'y', 'z']],
  ],
  [`A=(); q "\${A[@]}" \${A[@]} "-\${A[@]}" "\${A[*]}"`, [['q', '-', '']]],
  [`A=(b c); q "\${A[*]}" $A "\${A[1]}" "\${A[7]}"`, [['q', 'b c', 'b', 'c', '']]],
  [
    `A=(b c); B="\${A[@]}"; C=("\${A[@]}" d); A+=e; q "$B" "\${C[@]}" "\${A[@]}"`,
    [['q', 'b c', 'b', 'c', 'd', 'be', 'c']],
  ],
  [`declare -a A=(b c); typeset -r B=d; declare C; q "\${A[@]}" $B`, [['q', 'b', 'c', 'd']]],
];
for (const [script, words] of SCRIPTS) {
  test(`reads ${JSON.stringify(script)} as bash does`, () => {
    expect(texts(script)).toEqual(words);
  });
}

/** Scripts, and what is said of the first word that is not known. */
const UNKNOWN: readonly (readonly [string, string])[] = [
  ['q $A', '$A: line 1: it is not set before'],
  ['q x\nq\n  "$A"', '$A: line 3: it is not set before'],
  ['A=$(date)\nq $A', '$A: line 2: it is set to $(date), line 1: a command substitution'],
  ['A=~/k; q $A', '$A: line 1: it is set to ~, line 1: a home folder'],
  [
    `q $\u007bA:-/x}`,
    `$\u007bA:-/x}: line 1: a substitution that depends on whether the variable is set, or changes it`,
  ],
  ['A=1; q $((A + 1))', '$((A + 1)): line 1: arithmetic'],
  ['A=1; q `date`', '`date`: line 1: a command substitution'],
  ['q "$1"', '$1: line 1: a parameter of the script'],
  ['A="/k/*"; q "$A" $A', '/k/*: line 1: a pattern of file names'],
  ['[ -e x ] && A=1; q $A', '$A: line 1: whether it is set depends on the command before'],
  ['A=1 | x; q $A', '$A: line 1: it is set in a process of its own'],
  ['A=0; if x\nthen A=1\nelse A=2; fi; q $A', '$A: line 3: it is set under a condition or in a loop'],
  ['A=0; { A=1; }; q $A', '$A: line 1: it is set under a condition or in a loop'],
  ['A=0; for A in 1 2; do q $A; done', '$A: line 1: `for` may have set it'],
  ['A=0\n. ./settings\nq $A', '$A: line 3: `.` may have set it'],
  ['A=0; printf -v A 1; q $A', '$A: line 1: `printf` may have set it'],
  ['A=0; unset A; q $A', '$A: line 1: it is unset before'],
  ['A=1,2; IFS=,; q $A', '1,2: line 1: IFS is set before, which says where it is parted'],
  ["IFS=$'\\n\\t'; A='-smp 2'; q $A", '-smp 2: line 1: IFS is set before, which says where it is parted'],
  [`A=(-smp 2); A[1]=4; q "\${A[@]}"`, `\${A[@]}: line 1: an element of it is set before`],
  [`A=(-smp 2 x); unset "A[2]"; q "\${A[@]}"`, `\${A[@]}: line 1: it is unset before`],
  ['N=2; M=$((N=4)); q $N', '$N: line 1: an arithmetic expansion may have set it'],
  ['N=2; M=$((N++)); q $N', '$N: line 1: an arithmetic expansion may have set it'],
  ['declare -n R=N; N=2; R=4; q $N', '$N: line 1: a name stands for another before'],
  ['readonly N=2; N=4; q $N', '$N: line 1: what it may be set to is restricted before'],
  ['declare -u N=a; N=b; q $N', '$N: line 1: what it may be set to is restricted before'],
  ['N=2; wait -p N; q $N', '$N: line 1: `wait` may have set it'],
  ['A+=1; q $A', '$A: line 1: it is not set before'],
  [`A=(b); if x; then A+=(c); fi\nq "\${A[@]}"`, `\${A[@]}: line 2: it is set under a condition or in a loop`],
  [`A=(b $(date)); q "\${A[@]}"`, '$(date): line 1: a command substitution'],
  [`q "\${A[@]}"`, `\${A[@]}: line 1: it is not set before`],
  ['declare -i A=1+2; q $A', '$A: line 1: `declare` may change what it is set to'],
];
for (const [script, said] of UNKNOWN) {
  test(`of ${JSON.stringify(script)} says what is not known`, () => {
    const unknown = splitShell(script)
      .flat()
      .map((word) => word.unknown)
      .filter((part) => part !== null && !'[{'.includes(part.part));
    expect(unknown.map((part) => `${part?.part}: ${part?.why}`)[0]).toBe(said);
  });
}

for (const shell of [
  "q $'a",
  "q $'\\x00'",
  "q $'\\xff'",
  "q $'\\ca'",
  'f() { A=1; }',
  'A=(1',
  'A=(1; q)',
  '(q)',
  'f() { q; }',
  'function f { A=1; }',
]) {
  test(`refuses ${JSON.stringify(shell)}`, () => {
    expect(errorCodeOf(() => splitShell(shell))).toBe('ARGV_INVALID');
  });
}

test('variables that stand for ever more characters are refused', () => {
  const doubled = Array.from({ length: 60 }, () => 'A="$A$A"').join('\n');
  expect(errorCodeOf(() => splitShell(`A=0123456789\n${doubled}\nq "$A"`))).toBe('ARGV_INVALID');
});

/** Ways to write a word that a shell takes apart again. */
const QUOTES: readonly ((word: string) => string)[] = [
  (word) => `'${word.replaceAll("'", "'\\''")}'`,
  (word) => `"${word.replaceAll(/["\\$\x60]/g, '\\$&')}"`,
  (word) => `$'${word.replaceAll(/['\\]/g, '\\$&').replaceAll('\n', '\\n')}'`,
  (word) => `$'${[...Buffer.from(word)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`,
];
const special = fc.string({ unit: fc.constantFrom(...'ab =$\'"\\`#;|&*?[~{}\n\t\u00e9') });
const any = fc.string({ unit: 'binary' }).map((word) => word.replaceAll('\0', ''));
const written = fc.tuple(fc.oneof(special, any), fc.constantFrom(...QUOTES));

test('a word comes back from every way to quote it, given as it is or by way of a variable', () => {
  fc.assert(
    fc.property(fc.array(written, { minLength: 1, maxLength: 8 }), (words) => {
      const wanted = words.map(([word]) => word);
      expect(texts(`q ${words.map(([word, quote]) => quote(word)).join(' ')}`)).toEqual([['q', ...wanted]]);
      const set = words.map(([word, quote], index) => `V${index}=${quote(word)}`).join('\n');
      expect(texts(`${set}\nq ${words.map((_, index) => `"$V${index}"`).join(' ')}`)).toEqual([['q', ...wanted]]);
    }),
  );
});

test('a variable that is unset takes no other with it', () => {
  const word = splitShell('C=EPYC-v4; unset DISPLAY; q $C').at(-1)?.at(-1);
  expect(word).toMatchObject({ text: 'EPYC-v4', unknown: null });
});
