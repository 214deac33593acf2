import { writeCell } from '../evidence/cell-codec.ts';
import { hashInputFile } from '../evidence/input-file.ts';
import type { Part } from '../evidence/parts.ts';
import { sha256Hex } from '../evidence/recording/format.ts';
import type { Cell } from '../matrix/cell.ts';
import { launchName } from '../scenarios/scenario.ts';
import { hexOf } from '../text.ts';
import { hostTag } from './cells.ts';
import { artifactPath, type LoadedPlan, loadPlan, type Plan, suitesOf } from './plan.ts';

/** No file that a launch is made of has more. */
const MAX_FILE_BYTES = 64 * 1024 ** 3;

/** A test of the package's suites as a plan has it, before it is known of anybody that it runs. */
export interface PlannedTest {
  suite: string;
  host: string;
  /** Its title: the name of its launch. */
  name: string;
  cell: Cell;
}

/** The tests of the package's suites that a plan has, on each of its hosts, less what its `grep` leaves out. */
export function plannedTests({ plan, plain, scenarios }: LoadedPlan): PlannedTest[] {
  const hosted = [
    ...plain.map(({ cell, hosts }) => ({ suite: 'launch', name: cell.id, cell, hosts })),
    ...scenarios.map(({ cell, scenario, hosts }) => {
      return { suite: scenario.suite, name: launchName(cell.id, scenario.name), cell, hosts };
    }),
  ];
  // The runner's own way to read it, and what it holds it against.
  const wanted = new RegExp(plan.grep ?? '', 'i');
  return hosted.flatMap(({ suite, name, cell, hosts }) => {
    const tail = `${suite}.spec.ts ${cell.firmware}/${cell.kernel ?? 'no-kernel'} ${name} ${hosts.map(hostTag).join(' ')}`;
    return hosts.filter((host) => wanted.test(`${host} ${tail}`)).map((host) => ({ suite, host, name, cell }));
  });
}

/** The SHA-256 of what launches are made of: the artifacts of the cells and published digests, or the recording. */
async function fileHashes({ plan, cells, source }: LoadedPlan, cacheFolder: string): Promise<Record<string, string>> {
  const files = new Map<string, string>();
  if (source.kind === 'replay') files.set('the recording', source.recording.path);
  else {
    const { matrix, matrixFile } = source;
    for (const { cell } of cells) {
      for (const kind of ['firmware', 'kernel', 'initrd'] as const) {
        const path = matrix.artifacts[kind][cell[kind] ?? '']?.path;
        if (path !== undefined) files.set(`${kind} ${cell[kind]}`, artifactPath(path, matrixFile, cacheFolder));
      }
    }
    if (plan.source.kind === 'hosts' && plan.source.referenceFile !== null)
      files.set('--reference', plan.source.referenceFile);
  }
  const hashes: Record<string, string> = {};
  for (const [name, path] of files)
    hashes[name] = hexOf(await hashInputFile({ path, what: name, maxBytes: MAX_FILE_BYTES }));
  return hashes;
}

/**
 * Which part of which run a plan is: what is planned for all hosts, whichever of them it is for.
 * @param options.suites are they the package's, or of somebody's own configuration?
 * @throws HarnessError of the codes of hosts.json, matrix.json and recordings; FILE_UNREADABLE
 */
export async function partOfRun(
  plan: Plan,
  { cacheFolder, suites }: { cacheFolder: string; suites: 'own' | 'packaged' },
): Promise<Part> {
  const { hosts: _, shard, ...whole } = plan;
  const all = loadPlan(whole);
  const planned = plannedTests(all);
  const launches = all.hosts.flatMap(({ name: host }) => {
    const mine = planned.filter((test) => test.host === host);
    const told = mine.map(({ suite, name, cell }) => JSON.stringify([suite, name, writeCell(cell)])).sort();
    return mine.length === 0 ? [] : [[host, sha256Hex(told.join('\n'))] as const];
  });
  return {
    whole: {
      launches: Object.fromEntries(launches),
      files: await fileHashes(all, cacheFolder),
      suites: [...suitesOf(plan)],
      ...(plan.grep !== undefined && { grep: plan.grep }),
      ...(suites === 'own' && { ownSuites: true as const }),
    },
    share: { hosts: plan.hosts ?? all.hosts.map(({ name }) => name), ...(shard !== undefined && { shard }) },
  };
}
