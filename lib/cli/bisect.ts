import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { execa } from 'execa';
import { type BuildResult, bisectionEnd, mostLaunches, nextBuild } from '../compare/bisect.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { readJsonFile, writeFileAtomically } from '../evidence/json-file.ts';
import { planCells } from '../matrix/cells.ts';
import { type Matrix, matrixSchema } from '../matrix/matrix-file.ts';
import { loadRun } from '../runner/load-run.ts';
import { Reference } from '../runner/reference.ts';
import { mostSimilar } from '../similar.ts';
import { renamedDigests } from './bisect-reference.ts';

const BISECTED_AXES = ['qemu', 'firmware', 'kernel'] as const;
type BisectedAxis = (typeof BISECTED_AXES)[number];

interface BisectFlags {
  good: string;
  bad: string;
  axis: BisectedAxis;
  builds: string;
  hosts: string;
  matrix: string;
  reference?: string;
  host?: string[];
  grep?: string;
  out: string;
  json?: true;
}

const EXAMPLES = `
LIST is the builds in order, oldest first: separated by commas, or a file with one a line. A build of firmware or kernel is a
name of the matrix, or NAME=PATH; one of QEMU is a name that hosts.json gives. The good and the bad one are not launched: they
are taken for what you say. A build that cannot be judged, because the lab failed or it does not start, is gone around.

Every step launches all cells that are left by --host and --grep: choose one that fails.

Examples:
  snp-conform bisect --axis firmware --builds 'a=old.fd,b=b.fd,c=c.fd,d=new.fd' --good a --bad d --grep '4-vcpu/EPYC-v4'
  snp-conform bisect --axis qemu --builds builds.txt --good v10.0 --bad v11.1 --host milan-1
`;

/** A build: its name, and where its file is where that is not in the matrix. */
interface Build {
  name: string;
  path: string | undefined;
}

function readBuilds(list: string): Build[] {
  const words = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : list.split(',');
  return words
    .map((word) => word.trim())
    .filter((word) => word !== '' && !word.startsWith('#'))
    .map((word) => {
      const at = word.indexOf('=');
      return at < 0 ? { name: word, path: undefined } : { name: word.slice(0, at), path: resolve(word.slice(at + 1)) };
    });
}

function usage(what: string, hint?: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform bisect', hint });
}

/** The builds from the good one to the bad one. @throws HarnessError USAGE */
function between(builds: readonly Build[], { good, bad }: BisectFlags): Build[] {
  const names = builds.map(({ name }) => name);
  const placeOf = (option: string, name: string): number => {
    const place = names.indexOf(name);
    if (place >= 0) return place;
    const similar = mostSimilar(name, names);
    throw usage(
      `${option}: "${name}" is not in --builds`,
      similar === undefined ? undefined : `did you mean "${similar}"?`,
    );
  };
  const [first, last] = [placeOf('--good', good), placeOf('--bad', bad)];
  if (first >= last) throw usage(`the good build "${good}" does not stand before the bad one "${bad}" in --builds`);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) throw usage(`"${twice}" stands in --builds twice`);
  return builds.slice(first, last + 1);
}

/** The matrix with one build on the axis, its paths made absolute, for it will lie elsewhere. */
function matrixWith(matrix: Matrix, matrixFile: string, axis: BisectedAxis, build: Build): Matrix {
  const absolute = (path: string): string =>
    path.startsWith('cache:') || isAbsolute(path) ? path : resolve(dirname(matrixFile), path);
  const absoluteFiles = (files: Matrix['artifacts']['kernel']): Matrix['artifacts']['kernel'] =>
    Object.fromEntries(Object.entries(files).map(([name, file]) => [name, { ...file, path: absolute(file.path) }]));
  const artifacts = {
    firmware: absoluteFiles(matrix.artifacts.firmware),
    kernel: absoluteFiles(matrix.artifacts.kernel),
    initrd: absoluteFiles(matrix.artifacts.initrd),
  };
  if (axis !== 'qemu' && build.path !== undefined)
    artifacts[axis] = { ...artifacts[axis], [build.name]: { path: build.path } };
  return { ...matrix, artifacts, axes: { ...matrix.axes, [axis]: [build.name] } };
}

/** The digests that were published for the good build, as those of another, in a file. */
async function writeReference(
  path: string,
  file: string,
  axis: BisectedAxis,
  good: Matrix,
  tried: Matrix,
): Promise<void> {
  const cellsOf = (matrix: Matrix) => planCells(matrix, [], file).map(({ cell }) => cell);
  const reference = Reference.read(file);
  const digests = renamedDigests(reference.digests, cellsOf(good), cellsOf(tried), axis);
  await writeFileAtomically(path, JSON.stringify({ ...reference, digests }, null, 1));
}

function checkBuilds(builds: readonly Build[], matrix: Matrix, axis: BisectedAxis): void {
  for (const { name, path } of builds) {
    if (axis === 'qemu' && path !== undefined) {
      throw usage(`a QEMU build is named, not given as a path: "${name}"`, 'give it a name in "qemu" of hosts.json');
    }
    if (axis === 'qemu' || path !== undefined || Object.hasOwn(matrix.artifacts[axis], name)) continue;
    throw usage(
      `no ${axis} is named "${name}" in the matrix`,
      `write ${name}=PATH, or one of: ${Object.keys(matrix.artifacts[axis]).join(', ')}`,
    );
  }
}

/** Launches one build. */
async function tryBuild(
  flags: BisectFlags,
  matrix: Matrix,
  good: Build,
  build: Build,
): Promise<{ result: BuildResult; cells: number }> {
  const out = join(resolve(flags.out), build.name.replace(/[^\w.-]/g, '_'));
  const matrixFile = join(out, 'matrix.json');
  const tried = matrixWith(matrix, flags.matrix, flags.axis, build);
  await writeFileAtomically(matrixFile, JSON.stringify(tried, null, 1));
  const reference = join(out, 'reference.json');
  if (flags.reference !== undefined) {
    const known = matrixWith(matrix, flags.matrix, flags.axis, good);
    await writeReference(reference, flags.reference, flags.axis, known, tried);
  }
  const args = [
    ...['run', '--hosts', flags.hosts, '--matrix', matrixFile, '--out', out],
    ...(flags.host === undefined ? [] : ['--host', ...flags.host]),
    ...(flags.grep === undefined ? [] : ['--grep', flags.grep]),
    ...(flags.reference === undefined ? [] : ['--reference', reference]),
  ];
  const [, program = ''] = process.argv;
  const child = await execa(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    reject: false,
  });
  if (child.exitCode !== EXIT_CODES.ok && child.exitCode !== EXIT_CODES.failure) return { result: 'unknown', cells: 0 };
  const results = [...loadRun(join(out, 'run')).rows()].map(({ result }) => result);
  const bad = results.includes('fail');
  return { result: bad ? 'bad' : results.includes('pass') ? 'good' : 'unknown', cells: results.length };
}

async function bisect(flags: BisectFlags): Promise<void> {
  const matrix = readJsonFile(flags.matrix, matrixSchema, 'MATRIX_INVALID');
  const builds = between(readBuilds(flags.builds), flags);
  checkBuilds(builds, matrix, flags.axis);
  const names = builds.map(({ name }) => name);
  const results = new Map<number, BuildResult>([
    [0, 'good'],
    [builds.length - 1, 'bad'],
  ]);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  say(
    `${builds.length - 2} builds between "${flags.good}" and "${flags.bad}": at most ${mostLaunches(builds.length - 2)} to launch`,
  );
  let launched = 0;
  for (
    let next = nextBuild({ builds: names, results });
    next !== undefined;
    next = nextBuild({ builds: names, results })
  ) {
    const [good, build] = [builds[0], builds[next]];
    if (good === undefined || build === undefined) break;
    launched++;
    const { result, cells } = await tryBuild(flags, matrix, good, build);
    results.set(next, result);
    say(`${build.name}: ${result}${cells > 1 ? ` (${cells} cells)` : ''}`);
  }
  const end = bisectionEnd({ builds: names, results });
  const told = {
    format: 'snp-conform/bisection@1',
    axis: flags.axis,
    lastGood: names[end.lastGood] ?? null,
    firstBad: names[end.firstBad] ?? null,
    unknown: end.unknown.map((place) => names[place] ?? ''),
    launched,
    results: Object.fromEntries([...results].map(([place, result]) => [names[place] ?? '', result])),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(told, null, 1)}\n`);
  else if (end.unknown.length === 0) {
    process.stdout.write(
      `first bad ${flags.axis}: ${told.firstBad} (last good: ${told.lastGood}; ${launched} launched)\n`,
    );
  } else {
    process.stdout.write(
      `first bad ${flags.axis}: ${told.firstBad}, or one of those that could not be judged: ${told.unknown.join(', ')} (last good: ${told.lastGood}; ${launched} launched)\n`,
    );
  }
  process.exitCode = end.unknown.length === 0 ? EXIT_CODES.ok : EXIT_CODES.infrastructure;
}

/** `snp-conform bisect`: the first build that is bad. */
export function bisectCommand(): Command {
  return new Command('bisect')
    .requiredOption('--good <build>', 'a build that is good')
    .requiredOption('--bad <build>', 'a later one that is bad')
    .addOption(new Option('--axis <axis>', 'what the builds are of').choices(BISECTED_AXES).makeOptionMandatory())
    .requiredOption('--builds <list>', 'all builds in order, oldest first')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--matrix <file>', 'the matrix; its other axes stay as they are', 'matrix.json')
    .option('--reference <file>', 'launch digests published for the good build: the ID blocks of all carry these')
    .option('--host <name...>', 'only these hosts')
    .option('--grep <regexp>', 'only the cells whose name matches')
    .option('--out <folder>', 'where the runs go', 'reports/bisect')
    .option('--json', 'print the end for machines')
    .addHelpText('after', EXAMPLES)
    .action(bisect);
}
