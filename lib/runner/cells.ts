import type { Cell } from '../matrix/cell.ts';
import { launchName, SCENARIO_SUITES, type Scenario, type ScenarioSuite } from '../scenarios/scenario.ts';
import { ANNOUNCED_ANNOTATION } from './annotations.ts';
import { type HostedCell, type HostedScenario, loadPlan, readPlan } from './plan.ts';
import { launchesAhead } from './worker-program.ts';

/** Cells that stand together in a suite: one firmware and kernel. */
export interface CellGroup {
  title: string;
  /** parallel: each cell is handed to a worker by itself. default: all of them one after another. */
  mode: 'parallel' | 'default';
  cells: HostedCell[];
}

const SCENARIO_NAME = new RegExp(`/(?:${SCENARIO_SUITES.join('|')})/[a-z0-9-]+$`);
/** A describe of more than this makes the runner's bookkeeping quadratic. */
const GROUP_CELLS = 48;
/** With more cells than this they are handed out by the group: for each hand-over the runner clones all tests of the file. */
const HANDED_OUT_SINGLY = 400;

/** The tag by which a project picks the cells of its host. */
export function hostTag(host: string): string {
  return `@${host}`;
}

/**
 * What a project's grep must match: the tag of its host and not one that it begins; or no tag of any host.
 * @param all the names of all hosts; absent: a test without a tag is not for this host
 * @returns a pattern for titles and tags
 */
export function hostTagPattern(host: string, all: readonly string[] = []): RegExp {
  if (all.length === 0) return new RegExp(`${hostTag(host)}(?![\\w.-])`);
  const any = all.map((name) => `${hostTag(name)}(?![\\w.-])`).join('|');
  return new RegExp(`${hostTag(host)}(?![\\w.-])|^(?!.*(?:${any}))`);
}

/**
 * How cells are handed to workers.
 * @param run.cells how many   @param run.ahead are they launched ahead of their tests?   @param run.shard the part of the run
 */
export function modeOf({ cells, ahead, shard }: { cells: number; ahead: boolean; shard?: string }): CellGroup['mode'] {
  if (cells > HANDED_OUT_SINGLY) return 'default';
  // One worker asks for a test after the other; but the parts of a run are made of what is handed out.
  return ahead && shard === undefined ? 'default' : 'parallel';
}

/** Cells in groups of one firmware and kernel, in the order given. */
export function inGroups(cells: readonly HostedCell[], mode: CellGroup['mode']): CellGroup[] {
  const groups = new Map<string, HostedCell[]>();
  for (const hosted of cells) {
    const title = `${hosted.cell.firmware}/${hosted.cell.kernel ?? 'no-kernel'}`;
    groups.set(title, [...(groups.get(title) ?? []), hosted]);
  }
  return [...groups].flatMap(([title, all]) =>
    Array.from({ length: Math.ceil(all.length / GROUP_CELLS) }, (_, part) => ({
      mode,
      title: all.length > GROUP_CELLS ? `${title} (${part + 1})` : title,
      cells: all.slice(part * GROUP_CELLS, (part + 1) * GROUP_CELLS),
    })),
  );
}

/** The cells of the run, in groups, in the order of the matrix; none where the suite `launch` is not chosen. */
export function cellGroups(): CellGroup[] {
  const loaded = loadPlan(readPlan(process.env, process.cwd()));
  const { plain, plan } = loaded;
  const ahead = launchesAhead(loaded);
  return inGroups(
    plain,
    modeOf({ cells: plain.length, ahead, ...(plan.shard !== undefined && { shard: plan.shard }) }),
  );
}

/** A cell of the run, for a test of one's own. */
export interface TaggedCell {
  readonly cell: Cell;
  /** Tags of the hosts that run it: the `tag` of its test. */
  readonly tag: string[];
  /** The details of a test that asks for this cell without overrides first of all: it may be launched ahead of the test. */
  readonly details: LaunchDetails;
}

/** The details of a test that say where it runs and what it asks for first of all. */
export interface LaunchDetails {
  tag: string[];
  annotation: { type: string; description: string };
}

/**
 * The cells of the run, in the order of the matrix.
 * @param wanted only those that it holds for; absent: all
 * @throws HarnessError of the codes of hosts.json, matrix.json and recordings
 */
export function cells(wanted: (cell: Cell) => boolean = () => true): TaggedCell[] {
  return loadPlan(readPlan(process.env, process.cwd()))
    .cells.filter(({ cell }) => wanted(cell))
    .map(({ cell, hosts }) => ({ cell, tag: hosts.map(hostTag), details: announced({ cell, hosts }) }));
}

/**
 * The tag and the annotation of a test that asks for a launch of the package first of all: it may be made ahead of the test.
 * @param scenario absent: the plain launch of the cell
 */
export function announced({ cell, hosts, scenario }: HostedCell & { scenario?: Scenario }): LaunchDetails {
  const description = launchName(cell.id, scenario?.name);
  return { tag: hosts.map(hostTag), annotation: { type: ANNOUNCED_ANNOTATION, description } };
}

/** Scenarios that stand together in a suite: those of one cell. */
export interface ScenarioGroup {
  title: string;
  cell: Cell;
  /** The hosts that run any of them. */
  hosts: string[];
  /** Are they played back? Then those that were recorded are all there are. */
  recorded: boolean;
  scenarios: HostedScenario[];
}

/** The scenarios of a suite, by cell; none where it is not chosen, in a replay those that were recorded. */
export function scenarioGroups(suite: ScenarioSuite): ScenarioGroup[] {
  const groups = new Map<string, ScenarioGroup>();
  const { scenarios: all, source } = loadPlan(readPlan(process.env, process.cwd()));
  const recorded = source.kind === 'replay';
  for (const hosted of all) {
    const { cell, hosts, scenario } = hosted;
    if (scenario.suite !== suite) continue;
    const group = groups.get(cell.id) ?? { title: cell.id, cell, hosts: [], recorded, scenarios: [] };
    group.hosts = [...new Set([...group.hosts, ...hosts])];
    group.scenarios.push(hosted);
    groups.set(cell.id, group);
  }
  return [...groups.values()];
}

/** The id of the cell that a test is about: its title without the name of a scenario. */
export function cellIdOfTitle(title: string): string {
  return title.replace(SCENARIO_NAME, '');
}
