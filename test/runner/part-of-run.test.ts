import { mkdirSync, writeFileSync } from 'node:fs';
import { differences, isPartial } from '../../lib/evidence/parts.ts';
import { partOfRun, plannedTests } from '../../lib/runner/part-of-run.ts';
import { loadPlan, type Plan } from '../../lib/runner/plan.ts';
import { matrixJson } from '../matrix/matrices.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { replayPlan, SHIPPED_RECORDING, writeJson } from './plans.ts';

const path = testFolder();
const OPTIONS = { cacheFolder: '/nowhere', suites: 'packaged' } as const;

/** A plan of two hosts, with files in a folder of its own. */
function planIn(folder: string, firmware: string, axes: Record<string, unknown> = { vcpus: [1, 2] }): Plan {
  mkdirSync(path(folder));
  writeFileSync(path(folder, 'OVMF.amdsev.fd'), firmware);
  const hosts = ['milan-1', 'genoa-1'].map((name) => ({ name, kind: 'local', tags: [name] }));
  return {
    runDirectory: path('run'),
    reportsDirectory: path(),
    source: {
      kind: 'hosts',
      hostsFile: writeJson(path(folder, 'hosts.json'), { format: 'snp-conform/hosts@1', hosts }),
      matrixFile: writeJson(
        path(folder, 'matrix.json'),
        matrixJson(axes, [{ why: 'x', hostTags: ['genoa-1'], vcpus: 2 }]),
      ),
      referenceFile: null,
    },
  };
}

test('parts of one run know the same whole, wherever its files are; another file or matrix is another whole', async () => {
  const plan = planIn('one', 'old');
  const milan = await partOfRun({ ...plan, hosts: ['milan-1'] }, OPTIONS);
  const shard = await partOfRun({ ...planIn('two', 'old'), shard: '2/2' }, OPTIONS);
  expect(Object.keys(milan.whole.launches)).toEqual(['milan-1', 'genoa-1']);
  expect(milan.whole.launches['milan-1']).not.toBe(milan.whole.launches['genoa-1']);
  expect(shard.whole).toEqual(milan.whole);
  expect([milan.share, shard.share]).toEqual([{ hosts: ['milan-1'] }, { hosts: ['milan-1', 'genoa-1'], shard: '2/2' }]);
  expect([milan, shard, await partOfRun(plan, OPTIONS)].map(isPartial)).toEqual([true, true, false]);
  const built = await partOfRun(planIn('three', 'new'), OPTIONS);
  expect(differences(milan.whole, built.whole)).toEqual(['another file is firmware amdsev']);
  const other = await partOfRun(planIn('four', 'old', { vcpus: [1, 2, 4] }), OPTIONS);
  expect(differences(milan.whole, other.whole)).toEqual(['other cells are planned for genoa-1, milan-1']);
});

test('the whole is what --grep leaves: a host of which that leaves nothing is no part of it', async () => {
  const { whole } = await partOfRun({ ...planIn('five', 'old'), grep: '2-VCPU' }, OPTIONS);
  expect(Object.keys(whole.launches)).toEqual(['milan-1']);
  expect(whole.grep).toBe('2-VCPU');
});

test('the tests of a recording are all that it has', () => {
  const loaded = loadPlan(replayPlan(path()));
  if (loaded.source.kind !== 'replay') throw new Error('not played back');
  expect(loaded.source.recording.path).toBe(SHIPPED_RECORDING);
  const keys = (rows: Iterable<{ suite: string; host: string; name: string }>) =>
    [...rows].map(({ suite, host, name }) => `${suite} ${host} ${name}`).sort();
  expect(keys(plannedTests(loaded))).toEqual(
    keys(loaded.source.recording.entries.map(({ suite, host, id }) => ({ suite, host, name: id }))),
  );
});
