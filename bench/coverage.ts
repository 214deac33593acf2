import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import ts from 'typescript';
import { z } from 'zod';

// How much of a room do the tests run?
//   node --import tsx bench/coverage.ts measure identity attestation explain
// The unit tests are run once while V8 counts (NODE_V8_COVERAGE), in every process and thread of them. On standard error it
// says which lines never ran, on standard output a table in Markdown for docs/quality.md or a CI; exit code 1: a room is below
// what is asked of it, or a test fails.
//
// A line has code where a token of it is in the source map: types and comments are none. It ran where any place of it did;
// `whole` counts the lines of which every place ran: a branch that was never taken, in a line that was reached, is missing there.

const ROOT = join(import.meta.dirname, '..');
const RUN_MS = 600_000;
/** Percent of the lines of each room that are to run. */
const WANTED = 95;

/** What one process or thread writes down as it ends. Source: Node.js, CLI, NODE_V8_COVERAGE; V8, Profiler.ScriptCoverage. */
const RANGE = z.object({ startOffset: z.number(), endOffset: z.number(), count: z.number() });
const WRITTEN = z.object({
  result: z.array(z.object({ url: z.string(), functions: z.array(z.object({ ranges: z.array(RANGE) })) })),
  'source-map-cache': z
    .record(z.string(), z.object({ lineLengths: z.array(z.number()), data: z.custom<SourceMapPayload | null>() }))
    .default({}),
});

/** Where code of a file stands, `line:column` from 0 in its source, and whether it ran anywhere. */
type Places = Map<string, boolean>;

/** Where a line of what was run begins, in characters. */
function lineStarts(lineLengths: readonly number[]): number[] {
  let start = 0;
  return lineLengths.map((length) => {
    const own = start;
    start += length + 1;
    return own;
  });
}

/** Where tokens begin in a source, `line:column` from 0: source maps name places in comments too. */
function tokensOf(path: string): ReadonlySet<string> {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const tokens = new Set<string>();
  const visit = (node: ts.Node): void => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
    tokens.add(`${line}:${character}`);
    for (const child of node.getChildren(source)) if (!ts.isJSDoc(child)) visit(child);
  };
  visit(source);
  return tokens;
}

/** Adds what one script of one process ran. Ranges come outermost first, so the last one that holds an offset decides. */
function addScript(
  places: Places,
  ranges: readonly z.infer<typeof RANGE>[],
  map: SourceMapPayload,
  lineLengths: number[],
): void {
  const source = new SourceMap(map);
  for (const [line, start] of lineStarts(lineLengths).entries()) {
    for (let column = 0; column < (lineLengths[line] ?? 0); column += 1) {
      const entry = source.findEntry(line, column);
      if (!('originalLine' in entry) || entry.generatedLine !== line || entry.generatedColumn !== column) continue;
      const at = start + column;
      const ran = ranges.findLast(({ startOffset, endOffset }) => startOffset <= at && at < endOffset);
      const place = `${entry.originalLine}:${entry.originalColumn}`;
      places.set(place, places.get(place) === true || (ran?.count ?? 0) > 0);
    }
  }
}

/** The places of a file that no process loaded: none of them ran. */
function unloaded(path: string): Places {
  const compilerOptions = { sourceMap: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  const { outputText, sourceMapText } = ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions });
  const places: Places = new Map();
  // Types alone leave nothing to run.
  if (sourceMapText === undefined || /^\s*export \{\};?\s*\/\/#/.test(outputText)) return places;
  addScript(
    places,
    [],
    JSON.parse(sourceMapText),
    outputText.split('\n').map((line) => line.length),
  );
  return places;
}

/** What was written down in a folder, by file. */
function placesIn(folder: string, paths: readonly string[]): Map<string, Places> {
  const urls = new Map(paths.map((path) => [pathToFileURL(path).href, path]));
  const found = new Map<string, Places>();
  for (const name of readdirSync(folder)) {
    const written = WRITTEN.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
    for (const { url, functions } of written.result) {
      const path = urls.get(url);
      const cached = written['source-map-cache'][url];
      if (path === undefined || cached?.data == null) continue;
      const places: Places = found.get(path) ?? new Map();
      found.set(path, places);
      const ranges = functions.flatMap((one) => one.ranges);
      ranges.sort((left, right) => left.startOffset - right.startOffset || right.endOffset - left.endOffset);
      addScript(places, ranges, cached.data, cached.lineLengths);
    }
  }
  return new Map(paths.map((path) => [path, found.get(path) ?? unloaded(path)]));
}

/** Lines of code of a file: how many ran at all, how many wholly, and the numbers of those that did not run. */
interface Lines {
  readonly all: number;
  readonly ran: number;
  readonly whole: number;
  readonly missing: readonly number[];
}

function linesOf(path: string, places: Places): Lines {
  const lines = new Map<number, boolean[]>();
  const tokens = tokensOf(path);
  for (const [place, ran] of places) {
    if (!tokens.has(place)) continue;
    const line = Number.parseInt(place, 10) + 1;
    lines.set(line, [...(lines.get(line) ?? []), ran]);
  }
  const missing = [...lines].filter(([, parts]) => !parts.includes(true)).map(([line]) => line);
  const whole = [...lines.values()].filter((parts) => !parts.includes(false)).length;
  return { all: lines.size, ran: lines.size - missing.length, whole, missing: missing.toSorted((a, b) => a - b) };
}

async function runTests(folder: string): Promise<boolean> {
  const cli = join(ROOT, 'node_modules', '@playwright', 'test', 'cli.js');
  const args = [cli, 'test', '-c', 'test/playwright.config.ts', '--project=unit', '--reporter=dot'];
  const done = await execa(process.execPath, args, {
    cwd: ROOT,
    reject: false,
    timeout: RUN_MS,
    env: { NODE_V8_COVERAGE: folder },
    stdio: ['ignore', process.stderr, process.stderr],
  });
  return done.exitCode === 0;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
const percent = (part: number, all: number): string => `${((100 * part) / Math.max(1, all)).toFixed(1)} %`;

const named = process.argv.slice(2).filter((word) => /^[a-z]+$/.test(word));
const rooms = named.length > 0 ? named : ['measure', 'identity', 'attestation', 'explain'];
const folder = mkdtempSync(join(tmpdir(), 'snp-coverage-'));
try {
  const passed = await runTests(folder);
  const rows = ['| room | files | lines of code | ran | wanted | whole |', '| --- | --- | --- | --- | --- | --- |'];
  for (const room of rooms) {
    const parts = readdirSync(join(ROOT, 'lib', room), { recursive: true, encoding: 'utf8' });
    const paths = parts.filter((name) => name.endsWith('.ts')).map((name) => join(ROOT, 'lib', room, name));
    const files = [...placesIn(folder, paths)].map(([path, places]) => ({ path, ...linesOf(path, places) }));
    for (const { path, missing } of files) {
      if (missing.length > 0)
        process.stderr.write(`  never ran: ${path.slice(ROOT.length + 1)}:${missing.join(',')}\n`);
    }
    const [all, ran] = [sum(files.map((file) => file.all)), sum(files.map((file) => file.ran))];
    const whole = sum(files.map((file) => file.whole));
    rows.push(`| ${room} | ${files.length} | ${all} | ${percent(ran, all)} | ${WANTED} % | ${percent(whole, all)} |`);
    if (100 * ran < WANTED * all) process.exitCode = 1;
  }
  process.stdout.write(`${rows.join('\n')}\n\n${new Date().toISOString().slice(0, 10)}, the unit tests\n`);
  if (!passed) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
