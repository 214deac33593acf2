import { readFileSync } from 'node:fs';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import { artifactPath, type LoadedPlan, loadPlan, PLAN_VARIABLE, type Plan, readPlan } from '../../lib/runner/plan.ts';
import { launchName } from '../../lib/scenarios/scenario.ts';
import { SCENARIOS } from '../../lib/scenarios/scenarios.ts';
import { matrixJson } from '../matrix/matrices.ts';
import { testFolder } from '../support/folder.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { replayPlan, SHIPPED_RECORDING, writeJson } from './plans.ts';

const path = testFolder();

const HOSTS = {
  format: 'snp-conform/hosts@1',
  hosts: [
    { name: 'one', kind: 'local', slots: 3, tags: ['old'] },
    { name: 'two', kind: 'local' },
  ],
};

/** A plan of hosts and a matrix, written to files of a name. */
function hostsPlan(name: string, matrix: unknown, reference?: unknown): Plan {
  return {
    runDirectory: path('run'),
    reportsDirectory: path(),
    source: {
      kind: 'hosts',
      hostsFile: writeJson(path(`${name}-hosts.json`), HOSTS),
      matrixFile: writeJson(path(`${name}-matrix.json`), matrix),
      referenceFile: reference === undefined ? null : writeJson(path(`${name}-reference.json`), reference),
    },
  };
}

const ID = 'amdsev/no-kernel/policy-0x30000/features-0x1/1-vcpu/EPYC-v4';

function published(cells: Record<string, string>): object {
  return { format: 'snp-conform/reference@1', digests: { 'qemu-init2': cells } };
}

test('a cell is run by the hosts that do not exclude it', () => {
  const matrix = matrixJson({ vcpus: [1, 2] }, [{ why: 'small', hostTags: ['old'], vcpus: 2 }]);
  const loaded = loadPlan(hostsPlan('excluded', matrix));
  expect(loaded.cells.map(({ cell, hosts }) => [cell.vcpus, hosts])).toEqual([
    [1, ['one', 'two']],
    [2, ['two']],
  ]);
  expect(loaded.excluded).toBe(1);
  expect(loaded.hosts).toEqual([
    { name: 'one', slots: 3 },
    { name: 'two', slots: 1 },
  ]);
});

test('a matrix whose every cell is excluded is an error, not a green run', () => {
  const plan = hostsPlan('empty', matrixJson({}, [{ why: 'all', vcpus: 1 }]));
  const { code, where } = harnessErrorOf(() => loadPlan(plan));
  expect([code, where]).toEqual(['MATRIX_EMPTY', path('empty-matrix.json')]);
});

test('published digests are found by the id of their cell', () => {
  const { source } = loadPlan(hostsPlan('reference', matrixJson(), published({ [ID]: 'ab'.repeat(48) })));
  if (source.kind !== 'hosts') throw new Error('not from hosts');
  expect(source.reference.digestOf(ID, 'qemu-init2')).toEqual(new Uint8Array(48).fill(0xab));
});

test('a cell for whose kind of host nothing is published is an error, not an unchecked cell', () => {
  const { source } = loadPlan(hostsPlan('lacking', matrixJson(), published({})));
  if (source.kind !== 'hosts') throw new Error('not from hosts');
  const { reference } = source;
  expect(harnessErrorOf(() => reference.digestOf(ID, 'qemu-init2')).code).toBe('REFERENCE_INVALID');
  expect(harnessErrorOf(() => reference.digestOf(ID, 'another')).what).toContain('another');
});

test('without a reference file nothing is published for any cell', () => {
  const { source } = loadPlan(hostsPlan('unpublished', matrixJson()));
  expect(source.kind === 'hosts' && source.reference.digestOf(ID, 'qemu-init2')).toBeUndefined();
});

// Otherwise every cell would silently be held against the prediction of the day.
test('a digest that is published for no cell is refused, with the id that was meant', () => {
  const { code, what, where, hint } = harnessErrorOf(() =>
    loadPlan(hostsPlan('stranger', matrixJson(), published({ [ID.replace('0x1/', '0x21/')]: 'ab'.repeat(48) }))),
  );
  expect([code, where]).toEqual(['REFERENCE_INVALID', path('stranger-reference.json')]);
  expect(what).toContain('/features-0x21/');
  expect(hint).toBe(`did you mean "${ID}"?`);
});

test('a digest of another length is refused, with the id', () => {
  const { code, what } = harnessErrorOf(() => loadPlan(hostsPlan('short', matrixJson(), published({ [ID]: 'ab' }))));
  expect(code).toBe('REFERENCE_INVALID');
  expect(what).toContain(ID);
});

test('a recording brings its cells and hosts along', () => {
  const { cells, hosts, source } = loadPlan(replayPlan(path()));
  expect(source.kind).toBe('replay');
  expect(cells.length).toBeGreaterThanOrEqual(40);
  expect(hosts.length).toBe(2);
  expect(cells.every((hosted) => hosted.hosts.length > 0)).toBe(true);
});

const named = (launches: LoadedPlan['scenarios']): string[] =>
  launches.map(({ cell, scenario, hosts }) => `${launchName(cell.id, scenario.name)} ${hosts}`);

test('on hosts the matrix is launched and nothing beside it, until suites are named', () => {
  const plan = hostsPlan('suites', matrixJson({ vcpus: [1, 2] }));
  const counts = (suites?: Plan['suites']) => {
    const { cells, plain, scenarios } = loadPlan({ ...plan, ...(suites && { suites }) });
    return [cells.length, plain.length, scenarios.length];
  };
  expect(counts()).toEqual([2, 2, 0]);
  expect(counts(['identity'])).toEqual([2, 0, SCENARIOS.identity.length]);
  expect(counts(['launch', 'policy'])).toEqual([2, 2, SCENARIOS.policy.length]);
});

test('scenarios are of one cell a host, firmware and QEMU build, and hosts with the same cell share them', () => {
  const matrix = matrixJson({ vcpus: [1, 2] }, [{ why: 'small', hostTags: ['old'], vcpus: 1 }]);
  const { scenarios } = loadPlan({ ...hostsPlan('apart', matrix), suites: ['identity'] });
  expect(named(scenarios)).toContain(`${ID}/identity/right two`);
  expect(named(scenarios)).toContain(`${ID.replace('1-vcpu', '2-vcpu')}/identity/right one`);
  expect(scenarios).toHaveLength(2 * SCENARIOS.identity.length);
  const together = loadPlan({ ...hostsPlan('together', matrixJson()), suites: ['identity'] }).scenarios;
  expect(together).toHaveLength(SCENARIOS.identity.length);
  expect(named(together)).toContain(`${ID}/identity/right one,two`);
});

/** A recording of the first recorded cell: its plain launch, and it again under names of scenarios. */
async function recordingWith(name: string, scenarios: readonly string[]): Promise<Plan> {
  const [first] = openRecording(SHIPPED_RECORDING).rows();
  if (first?.evidence == null) throw new Error('nothing is recorded');
  const { evidence } = first;
  const others = scenarios.map((scenario) => ({
    ...first,
    id: `${first.id}/${scenario}`,
    evidence: { ...evidence, scenario },
  }));
  const file = path(`${name}.jsonl.gz`);
  await writeRecording(file, () => [first, ...others], { recordedAt: new Date(0), tool: 'test', redactions: {} });
  return { ...replayPlan(path()), source: { kind: 'replay', recordingFile: file } };
}

test('a replay runs exactly the launches that were recorded, or those of them whose suite is named', async () => {
  const plan = await recordingWith('three', ['policy/debug', 'identity/wrong-digest']);
  const all = loadPlan(plan);
  expect([all.plain.length, all.scenarios.map(({ scenario }) => scenario.name)]).toEqual([
    1,
    ['policy/debug', 'identity/wrong-digest'],
  ]);
  const some = loadPlan({ ...plan, suites: ['identity'] });
  expect([some.plain.length, some.scenarios.map(({ scenario }) => scenario.name)]).toEqual([
    0,
    ['identity/wrong-digest'],
  ]);
});

// Left out, it would be missing from the results, which would be green.
test('a recording with a scenario of a later version is refused, and says so', async () => {
  const plan = await recordingWith('later', ['identity/of-tomorrow']);
  const { code, what, hint } = harnessErrorOf(() => loadPlan(plan));
  expect([code, what]).toEqual(['RECORDING_INVALID', expect.stringContaining('no scenario "identity/of-tomorrow"')]);
  expect(hint).toContain('newer');
});

test('the recording that is played by default holds plain launches alone', () => {
  const { cells, plain, scenarios } = loadPlan(replayPlan(path()));
  expect([plain.length, scenarios.length]).toEqual([cells.length, 0]);
});

test('the environment names the plan; without one it is the files at hand, or what ships', () => {
  const file = writeJson(path('plan.json'), replayPlan('/x'));
  expect(readPlan({ [PLAN_VARIABLE]: file }, path())).toEqual(replayPlan('/x'));
  expect(readPlan({}, path()).source).toEqual({ kind: 'replay', recordingFile: SHIPPED_RECORDING });
  for (const name of ['hosts', 'matrix']) writeJson(path(`${name}.json`), {});
  expect(readPlan({}, path()).source).toMatchObject({ kind: 'hosts', matrixFile: path('matrix.json') });
  expect(harnessErrorOf(() => readPlan({ [PLAN_VARIABLE]: path('gone.json') }, path())).code).toBe('FILE_UNREADABLE');
});

test('artifacts are beside the matrix, in the cache, or where an absolute path says', () => {
  const at = (name: string): string => artifactPath(name, '/lab/matrix.json', '/cache');
  expect(at('fw/OVMF.fd')).toBe('/lab/fw/OVMF.fd');
  expect(at('../OVMF.fd')).toBe('/OVMF.fd');
  expect(at('/srv/OVMF.fd')).toBe('/srv/OVMF.fd');
  expect(at('cache:artifacts/OVMF.fd')).toBe('/cache/artifacts/OVMF.fd');
});

test('the plan is the same read back', () => {
  const plan = hostsPlan('again', matrixJson());
  const file = writeJson(path('again.json'), plan);
  expect(readPlan({ [PLAN_VARIABLE]: file }, '/')).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});
