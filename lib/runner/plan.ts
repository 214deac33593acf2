import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { readCell } from '../evidence/cell-codec.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { PART, partSchema } from '../evidence/parts.ts';
import { openRecording, type Recording } from '../evidence/recording/reader.ts';
import { type HostEntry, loadHosts } from '../host/hosts-file.ts';
import type { Cell } from '../matrix/cell.ts';
import { planCells } from '../matrix/cells.ts';
import { DEFAULT_EXPLAIN, EXPLAIN_MODES, type ExplainMode } from '../matrix/explain-mode.ts';
import { type Matrix, matrixSchema } from '../matrix/matrix-file.ts';
import { isOwnLaunch, OWN_SUITE } from '../scenarios/own-launch.ts';
import { launchName, SCENARIO_SUITES, type Scenario } from '../scenarios/scenario.ts';
import { findScenario, SCENARIOS } from '../scenarios/scenarios.ts';
import { P256_CLAIM } from './p256-key.ts';
import { packageRoot } from './package-root.ts';
import { Reference } from './reference.ts';
import { representatives } from './representatives.ts';
import { DEFAULT_SUITES, SUITES, type SuiteName } from './suite-names.ts';

/** What one run is made of, as the command line hands it to the runner's processes. */
export const planSchema = z.strictObject({
  /** Where evidence goes. */
  runDirectory: z.string(),
  /** Where JUnit and the other reports go. */
  reportsDirectory: z.string(),
  /** Names the run on its hosts; absent: it was started without the command line. */
  runId: z.string().optional(),
  /** Only the cells whose name matches; absent: all. */
  grep: z.string().optional(),
  /** Which part of the run this is, of how many; absent: all of it. */
  shard: z.string().regex(PART).optional(),
  /** Which part of which run it is; absent: it was not cut into parts. A part that is gone on with stays what it was. */
  part: partSchema.optional(),
  /** Only what other runs left is put together: no host is reached. */
  merging: z.literal(true).optional(),
  /** Where the runner's own blob report of this part goes; absent: nowhere. */
  blobFile: z.string().optional(),
  /** What an earlier part of this run found out stays. */
  resumed: z.literal(true).optional(),
  /** Only the hosts of these names; absent: all. */
  hosts: z.array(z.string()).optional(),
  /** Only these suites; absent: the default ones, or of a recording all that it holds. */
  suites: z.array(z.enum(SUITES)).min(1).optional(),
  /** The key distribution service; absent: AMD's, on emulated hosts the emulated one. */
  kds: z
    .strictObject({
      /** The service or a mirror of it. */
      url: z.string().optional(),
      /** Is nothing asked of it, and only what was kept used? */
      offline: z.boolean(),
      /** How often it is asked for one thing. */
      attempts: z.int().min(1).optional(),
    })
    .optional(),
  /** A run or a recording to compare with; null: the latest before it; absent: none. */
  comparedWith: z.string().nullable().optional(),
  /** How far to go to explain digests that differ; absent: as the matrix says. */
  explain: z.enum(EXPLAIN_MODES).optional(),
  source: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('hosts'),
      hostsFile: z.string(),
      matrixFile: z.string(),
      /** JSON of cell id to launch digest: what the ID blocks carry in place of the prediction. */
      referenceFile: z.string().nullable(),
    }),
    z.strictObject({
      kind: z.literal('replay'),
      recordingFile: z.string(),
      /** Play back what is whole of a damaged recording. */
      keepGoing: z.literal(true).optional(),
    }),
  ]),
});
export type Plan = z.infer<typeof planSchema>;

/** The environment variable that names the plan file. */
export const PLAN_VARIABLE = 'SNP_CONFORM_PLAN';

/** A cell and the hosts that run it. */
export interface HostedCell {
  cell: Cell;
  hosts: string[];
}

/** A scenario of a cell, and the hosts that run it. */
export interface HostedScenario extends HostedCell {
  scenario: Scenario;
}

/** The plan with all that its files say. */
export interface LoadedPlan {
  plan: Plan;
  /** Names and slots of the hosts, in the order of the file. */
  hosts: { name: string; slots: number }[];
  cells: HostedCell[];
  /** Those that are launched plainly: all, or none where the suite `launch` is not chosen. */
  plain: HostedCell[];
  /** Launches beside the plain ones, of the suites that are chosen. */
  scenarios: HostedScenario[];
  /** Combinations that rules leave out, counted per host. */
  excluded: number;
  explain: ExplainMode;
  source:
    | { kind: 'hosts'; entries: HostEntry[]; matrix: Matrix; matrixFile: string; reference: Reference }
    | { kind: 'replay'; recording: Recording };
}

/** The plan of `npx playwright test` without our command line: the files at hand, else the recording that ships. */
function defaultPlan(folder: string): Plan {
  const [hostsFile, matrixFile] = [join(folder, 'hosts.json'), join(folder, 'matrix.json')];
  const recordingFile = join(packageRoot(), 'fixtures', 'recordings', 'example-matrix.emulated.jsonl.gz');
  const source: Plan['source'] =
    existsSync(hostsFile) && existsSync(matrixFile)
      ? { kind: 'hosts', hostsFile, matrixFile, referenceFile: null }
      : { kind: 'replay', recordingFile };
  return {
    runDirectory: join(folder, 'reports', 'run'),
    reportsDirectory: join(folder, 'reports'),
    source,
  };
}

/** Reads the plan that the environment names. */
export function readPlan(environment: NodeJS.ProcessEnv, folder: string): Plan {
  const path = environment[PLAN_VARIABLE];
  return path === undefined ? defaultPlan(folder) : readJsonFile(path, planSchema, 'INTERNAL');
}

/** The suites that a plan is for. */
export function suitesOf({ suites, source }: Plan): readonly SuiteName[] {
  return suites ?? (source.kind === 'hosts' ? DEFAULT_SUITES : SUITES);
}

function gather(rows: Iterable<{ cell: Cell; host: string }>): HostedCell[] {
  const cells = new Map<string, HostedCell>();
  for (const { cell, host } of rows) {
    const known = cells.get(cell.id);
    if (known === undefined) cells.set(cell.id, { cell, hosts: [host] });
    else known.hosts.push(host);
  }
  return [...cells.values()];
}

function gatherScenarios(rows: Iterable<{ cell: Cell; scenario: Scenario; host: string }>): HostedScenario[] {
  const launches = new Map<string, HostedScenario>();
  for (const { cell, scenario, host } of rows) {
    const name = launchName(cell.id, scenario.name);
    const known = launches.get(name);
    if (known === undefined) launches.set(name, { cell, scenario, hosts: [host] });
    else known.hosts.push(host);
  }
  return [...launches.values()];
}

/** The scenarios of the chosen suites, on one cell for each firmware and QEMU build of each host. */
function scenariosOf(plan: Plan, hosts: readonly string[], cells: readonly HostedCell[]): HostedScenario[] {
  const scenarios = SCENARIO_SUITES.filter((suite) => suitesOf(plan).includes(suite)).flatMap(
    (suite) => SCENARIOS[suite],
  );
  return gatherScenarios(
    hosts.flatMap((host) => {
      const mine = cells.filter((hosted) => hosted.hosts.includes(host)).map(({ cell }) => cell);
      return representatives(mine).flatMap((cell) => scenarios.map((scenario) => ({ cell, scenario, host })));
    }),
  );
}

/** The hosts that the plan names, in the order of the file. @throws HarnessError USAGE for a name that is none */
function chosen<H extends { name: string }>(plan: Plan, hosts: readonly H[]): H[] {
  const unknown = (plan.hosts ?? []).filter((name) => !hosts.some((host) => host.name === name));
  if (unknown.length > 0) {
    const known = hosts.map((host) => host.name).join(', ');
    throw new HarnessError({ code: 'USAGE', what: `no host named ${unknown.join(', ')}`, hint: `known: ${known}` });
  }
  return hosts.filter(({ name }) => plan.hosts?.includes(name) ?? true);
}

function loadFromHosts(plan: Plan, source: Plan['source'] & { kind: 'hosts' }): LoadedPlan {
  const entries = chosen(plan, plan.merging ? loadHosts(source.hostsFile, null) : loadHosts(source.hostsFile));
  const matrix = readJsonFile(source.matrixFile, matrixSchema, 'MATRIX_INVALID');
  const planned = entries.flatMap((entry) =>
    planCells(matrix, entry.tags, source.matrixFile).map((row) => ({ ...row, host: entry.name })),
  );
  const cells = gather(planned.filter((row) => row.excludedBecause === undefined));
  if (cells.length === 0) {
    throw new HarnessError({
      code: 'MATRIX_EMPTY',
      what: 'every combination is excluded',
      where: source.matrixFile,
      hint: 'check the rules of "exclude", and the tags that they name against those of the hosts',
    });
  }
  const hosts = entries.map(({ name, slots }) => ({ name, slots }));
  const excluded = planned.filter((row) => row.excludedBecause !== undefined).length;
  const { matrixFile } = source;
  const reference = Reference.load(
    source.referenceFile,
    planned.map((row) => row.cell.id),
  );
  const names = hosts.map(({ name }) => name);
  return {
    ...{ plan, hosts, cells, excluded },
    explain: plan.explain ?? matrix.explain,
    plain: suitesOf(plan).includes('launch') ? cells : [],
    scenarios: scenariosOf(plan, names, cells),
    source: { kind: 'hosts', entries, matrix, matrixFile, reference },
  };
}

/** The scenario of a recorded row; undefined for a plain launch; `own`: of a suite that is not the package's. @throws HarnessError RECORDING_INVALID */
function recordedScenario(id: string, cellId: string, path: string): Scenario | typeof OWN_SUITE | undefined {
  if (id === cellId) return undefined;
  const name = id.slice(cellId.length + 1);
  if (isOwnLaunch(name)) return OWN_SUITE;
  const scenario = findScenario(name);
  if (scenario !== undefined) return scenario;
  throw new HarnessError({
    code: 'RECORDING_INVALID',
    what: `this version knows no scenario "${name}", of which there is evidence for ${cellId}`,
    where: path,
    hint: 'its first line says which version recorded it: replay it with that one or a newer one',
  });
}

/** Guests of a recording are not launched, so that processors are what bounds how many cells are judged at once. */
function replaySlots(hosts: number): number {
  return Math.max(1, Math.ceil(availableParallelism() / Math.max(1, hosts)));
}

function loadFromRecording(plan: Plan, path: string, options: { keepGoing?: true }): LoadedPlan {
  const recording = openRecording(path, options);
  const rows = recording.entries.flatMap(({ cell, id, host }) =>
    cell === null || id === launchName(cell.id, P256_CLAIM)
      ? []
      : [{ cell: readCell(cell), scenario: recordedScenario(id, cell.id, path), host }],
  );
  const names = [...new Set(rows.map((row) => row.host))];
  const hosts = chosen(
    plan,
    names.map((name) => ({ name, slots: replaySlots(names.length) })),
  );
  const kept = rows.filter((row) => hosts.some(({ name }) => name === row.host));
  const isChosen = (suite: SuiteName): boolean => suitesOf(plan).includes(suite);
  const scenarios = kept.flatMap(({ cell, scenario, host }) =>
    typeof scenario === 'object' && scenario.suite !== OWN_SUITE && isChosen(scenario.suite)
      ? [{ cell, scenario, host }]
      : [],
  );
  return {
    ...{ plan, hosts, cells: gather(kept), excluded: 0 },
    explain: plan.explain ?? DEFAULT_EXPLAIN,
    plain: isChosen('launch') ? gather(kept.filter(({ scenario }) => scenario === undefined)) : [],
    scenarios: gatherScenarios(scenarios),
    source: { kind: 'replay', recording },
  };
}

function loadFiles(plan: Plan): LoadedPlan {
  return plan.source.kind === 'hosts'
    ? loadFromHosts(plan, plan.source)
    : loadFromRecording(plan, plan.source.recordingFile, plan.source.keepGoing === true ? { keepGoing: true } : {});
}

/** All launches that a test can announce, by their names. */
export function launchesByName({
  cells,
  scenarios,
}: LoadedPlan): Map<string, { cell: Cell; scenario: Scenario | undefined }> {
  return new Map<string, { cell: Cell; scenario: Scenario | undefined }>([
    ...cells.map(({ cell }) => [cell.id, { cell, scenario: undefined }] as const),
    ...scenarios.map(({ cell, scenario }) => [launchName(cell.id, scenario.name), { cell, scenario }] as const),
  ]);
}

const loaded = new Map<string, LoadedPlan>();

/** Reads all files of a plan; a recording once a process. @throws HarnessError of the codes of those files */
export function loadPlan(plan: Plan): LoadedPlan {
  const key = JSON.stringify(plan);
  const known = loaded.get(key) ?? loadFiles(plan);
  // A recording is never written to; a file that people edit is read anew.
  if (known.source.kind === 'replay') loaded.set(key, known);
  return known;
}

/** Where an artifact of the matrix is: `cache:` means the cache folder, other relative paths start at the matrix file. */
export function artifactPath(path: string, matrixFile: string, cacheFolder: string): string {
  if (path.startsWith('cache:')) return join(cacheFolder, path.slice('cache:'.length));
  return isAbsolute(path) ? path : resolve(matrixFile, '..', path);
}
