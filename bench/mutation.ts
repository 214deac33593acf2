import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import ts from 'typescript';

// How many small changes of a room do the tests of its code see?
//   node --import tsx bench/mutation.ts measure identity --mutants 40 --seed 7
// A sample, drawn by the seed: the share is that of the sample. Each mutant is one run of the room's tests in a copy of the
// project, up to the first failure. Mutants that change nothing count only where EQUIVALENT does not name them. On standard
// error it says how far it is and what was not seen, on standard output a table in Markdown for docs/quality.md or a CI;
// exit code 1: a room is below what is asked of it.

interface Mutant {
  readonly file: string;
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

const ROOT = join(import.meta.dirname, '..');
const COPIED = [
  'lib',
  'test',
  'suites',
  'fixtures',
  'native',
  'docs',
  'package.json',
  'tsconfig.json',
  'playwright.config.ts',
];
const RUN_MS = 300_000;

/** Percent of the sample that the tests of a room are to see. */
const WANTED: ReadonlyMap<string, number> = new Map([
  ['measure', 85],
  ['identity', 85],
  ['attestation', 75],
  ['explain', 75],
]);

/** Tests of a room's code that stand beside who calls it. */
const OTHER_TESTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['measure', ['test/evidence/firmware-descriptor.test.ts']],
  ['attestation', ['test/judge/attestation-checks.test.ts']],
  ['explain', ['test/runner/answer.test.ts', 'test/runner/explain-cell.test.ts']],
]);

/** Mutants that change nothing anybody could see, by the line they are on. They are left out of the share, and told. */
const EQUIVALENT: readonly { file: string; line: string; from: string; to: string; because: string }[] = [
  {
    ...{ file: 'lib/measure/firmware-table.ts', line: 'if (image.length > 0 && image.length % PAGE_BYTES === 0' },
    ...{ from: '0', to: '1', because: 'an image of one byte is no whole page, and refused for that' },
  },
  {
    ...{ file: 'lib/attestation/der.ts', line: 'const lengthBytes = first < 0x80 ? 0 : first & 0x7f;' },
    ...{ from: '0x80', to: '129', because: '0x80 & 0x7f is 0 as well' },
  },
];

/** What an operator becomes: the mistakes that people make. */
const OPERATORS: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.AmpersandToken, '|'],
  [ts.SyntaxKind.BarToken, '&'],
]);

/** The changes that could be made to a file. */
function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const add = (node: ts.Node, to: string): void => {
    found.push({ file, at: node.getStart(source), from: node.getText(source), to });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const to = OPERATORS.get(node.operatorToken.kind);
      const words = ts.isStringLiteralLike(node.left) || ts.isStringLiteralLike(node.right);
      if (to !== undefined && !words) add(node.operatorToken, to);
    }
    if (ts.isNumericLiteral(node)) add(node, String(Number(node.text) + 1));
    if (ts.isBigIntLiteral(node)) add(node, `(${node.getText(source)} ^ 1n)`);
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false');
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true');
    if (ts.isIfStatement(node)) add(node.expression, `!(${node.expression.getText(source)})`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** A generator of numbers from 0 to 1 that a seed decides. Source: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sample<T>(all: readonly T[], count: number, chance: () => number): T[] {
  const rest = [...all];
  return Array.from({ length: Math.min(count, rest.length) }, () =>
    rest.splice(Math.floor(chance() * rest.length), 1),
  ).flat();
}

/** Do the tests of a room pass in a copy of the project? */
async function passes(copy: string, room: string): Promise<boolean> {
  const cli = join(ROOT, 'node_modules', '@playwright', 'test', 'cli.js');
  const args = [
    cli,
    'test',
    '-c',
    'test/playwright.config.ts',
    `test/${room}/`,
    ...(OTHER_TESTS.get(room) ?? []),
    '--project=unit',
    '--workers=1',
    '--max-failures=1',
    '--reporter=null',
  ];
  const SNP_CONFORM_VECTORS = process.env.SNP_CONFORM_VECTORS ?? join(ROOT, '..', 'shared', 'vectors');
  const done = await execa(process.execPath, args, {
    cwd: copy,
    reject: false,
    timeout: RUN_MS,
    env: { SNP_CONFORM_VECTORS },
    stdio: 'ignore',
  });
  return done.exitCode === 0;
}

/** What the sample of one room showed. */
interface Score {
  readonly room: string;
  readonly seen: number;
  readonly tried: number;
  readonly equivalent: number;
  readonly possible: number;
}

/** Why a mutant changes nothing; undefined where it may. */
function whyEquivalent({ file, at, from, to }: Mutant, text: string): string | undefined {
  const start = text.lastIndexOf('\n', at) + 1;
  const line = text.slice(start, text.indexOf('\n', at));
  const named = EQUIVALENT.filter((row) => row.file === file && row.from === from && row.to === to);
  // Only the first place of a line is meant, which is where the reason was thought through.
  return named.find((row) => line.includes(row.line) && line.search(RegExp(`\\b${from}\\b`)) === at - start)?.because;
}

async function scoreOf(room: string, copy: string, count: number, seed: number): Promise<Score> {
  const files = readdirSync(join(ROOT, 'lib', room)).filter((name) => name.endsWith('.ts'));
  const all = files.flatMap((name) =>
    mutantsOf(join('lib', room, name), readFileSync(join(copy, 'lib', room, name), 'utf8')),
  );
  if (!(await passes(copy, room))) throw new Error(`the tests of ${room} fail without any change`);
  const chosen = sample(all, count, random(seed));
  let [seen, tried, equivalent] = [0, 0, 0];
  for (const mutant of chosen) {
    const { file, at, from, to } = mutant;
    const text = readFileSync(join(copy, file), 'utf8');
    const place = `${file}:${text.slice(0, at).split('\n').length}: ${from.slice(0, 60)} -> ${to.slice(0, 60)}`;
    const because = whyEquivalent(mutant, text);
    if (because !== undefined) {
      equivalent += 1;
      process.stderr.write(`  left out: ${place}: ${because}\n`);
      continue;
    }
    writeFileSync(join(copy, file), text.slice(0, at) + to + text.slice(at + from.length));
    const survived = await passes(copy, room);
    writeFileSync(join(copy, file), text);
    tried += 1;
    if (!survived) seen += 1;
    else process.stderr.write(`  not seen: ${place}\n`);
    if (tried % 5 === 0) process.stderr.write(`  ${room}: ${seen} of ${tried} seen\n`);
  }
  return { room, seen, tried, equivalent, possible: all.length };
}

const percent = ({ seen, tried }: Score): number => (100 * seen) / Math.max(1, tried);

function table(scores: readonly Score[]): string {
  const rows = scores.map((score) => {
    const { room, seen, tried, equivalent, possible } = score;
    return [room, seen, tried, `${percent(score).toFixed(0)} %`, `${WANTED.get(room) ?? 0} %`, equivalent, possible];
  });
  const head = ['room', 'seen', 'tried', 'share', 'wanted', 'left out as equivalent', 'possible'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function numberAfter(flag: string, otherwise: number): number {
  const at = process.argv.indexOf(flag);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const count = numberAfter('--mutants', 30);
const seed = numberAfter('--seed', 1);
const named = process.argv.slice(2).filter((word) => /^[a-z]+$/.test(word));
const rooms = named.length > 0 ? named : ['measure', 'identity', 'attestation', 'explain'];
const copy = mkdtempSync(join(tmpdir(), 'snp-mutation-'));
try {
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const scores: Score[] = [];
  for (const room of rooms) scores.push(await scoreOf(room, copy, count, seed));
  process.stdout.write(
    `${table(scores)}\n${new Date().toISOString().slice(0, 10)}, ${count} mutants a room, seed ${seed}\n`,
  );
  if (scores.some((score) => percent(score) < (WANTED.get(score.room) ?? 0))) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
