import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { z } from 'zod';
import { ARTIFACTS_FOLDER, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

let folder: string;
test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snp-ci-'));
  await makeProject();
});
test.afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const AMDSEV = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const STEP = z.object({
  run: z.string().optional(),
  uses: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
const GITHUB = z.object({
  on: z.unknown(),
  jobs: z.record(z.string(), z.object({ 'runs-on': z.unknown(), steps: z.array(STEP) })),
});
const GITLAB = z.record(z.string(), z.unknown());
const GITLAB_JOB = z.object({ script: z.array(z.string()), stage: z.string() });

/** What a CI machine has and this one need not: the programs of the recipes that are not ours. */
const PROGRAMS = {
  npm: 'test "$1" = ci',
  'apt-get': 'exit 0',
  npx: `test "$1" = snp-conform && shift && exec ${process.execPath} ${projectPath('bin', 'snp-conform')} "$@"`,
};

/** The project of somebody who copies the recipes: one cell, one emulated host, published digests, a recording. */
async function makeProject(): Promise<void> {
  await mkdir(join(folder, 'bin'));
  for (const [name, text] of Object.entries(PROGRAMS)) {
    await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, 'bin', name), 0o755);
  }
  const host = {
    name: 'emulated',
    kind: 'local',
    slots: 2,
    directory: join(folder, 'host'),
    emulation: { profile: 'upstream-6.12' },
  };
  const matrix = {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: AMDSEV } } },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'] },
  };
  await writeFile(join(folder, 'hosts.json'), JSON.stringify({ format: 'snp-conform/hosts@1', hosts: [host] }));
  await writeFile(join(folder, 'matrix.json'), JSON.stringify(matrix));
  await mkdir(join(folder, 'new'));
  const image = await readFile(AMDSEV);
  image[0] = (image[0] ?? 0) ^ 1;
  await writeFile(join(folder, 'new', 'OVMF.amdsev.fd'), image);
  const published = await step('npx snp-conform predict --matrix matrix.json > published.json');
  expect(published.exitCode, published.all).toBe(0);
  // As two of the recipes have it.
  await expectAllToWork(['npx snp-conform run --hosts hosts.json --matrix matrix.json --record night.jsonl.gz']);
}

/** Runs a step as a CI does: its lines in one bash that ends at the first failure. */
function step(script: string, env: Readonly<Record<string, string>> = {}) {
  const values = {
    LAB_KEY: 'a key',
    LAB_KEY_FILE: 'hosts.json',
    OLD: AMDSEV,
    NEW: 'new/OVMF.amdsev.fd',
    KEPT: join(folder, 'kept'),
  };
  return execa('bash', ['-e', '-c', script], {
    ...{ cwd: folder, reject: false, all: true, stdin: 'ignore', timeout: 300_000 },
    env: {
      ...values,
      ...env,
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
    },
  });
}

async function recipe(name: string): Promise<string> {
  return readFile(projectPath('docs', 'ci', name), 'utf8');
}

/** Steps that several recipes have are run once. */
const worked = new Map<string, string>();

async function expectAllToWork(scripts: readonly string[]): Promise<string> {
  expect(scripts.some((script) => script.includes('npx snp-conform'))).toBe(true);
  let printed = '';
  for (const script of scripts) {
    const known = worked.get(script);
    const done = known === undefined ? await step(script) : undefined;
    if (done !== undefined) expect(done.exitCode, `${script}\n${done.all}`).toBe(0);
    const text = known ?? done?.all ?? '';
    worked.set(script, text);
    printed += `${text}\n`;
  }
  return printed;
}

for (const name of ['github-actions.yml', 'github-lab.yml', 'github-nightly.yml', 'github-package-gate.yml']) {
  test(`${name}: every step runs as it is printed`, async () => {
    const { jobs } = GITHUB.parse(parse(await recipe(name)));
    const scripts = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    const printed = await expectAllToWork(scripts);
    if (name !== 'github-package-gate.yml') return;
    // One byte of the image is another: another digest, as predicted, and no regression.
    expect(printed).toMatch(/digest changed as predicted/);
  });
}

test('github-nightly.yml: the second night is compared with the first', async () => {
  const { jobs } = GITHUB.parse(parse(await recipe('github-nightly.yml')));
  const scripts = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
  await step(scripts.find((script) => script.includes('install -D')) ?? 'false');
  const second = await step(scripts.find((script) => script.includes('compare')) ?? 'false');
  expect(second.exitCode, second.all).toBe(0);
  expect(await readFile(join(folder, 'summary.md'), 'utf8')).toMatch(/tonight\.jsonl\.gz/);
});

test('gitlab-ci.yml: every script runs as it is printed, in a stage that there is', async () => {
  const document = GITLAB.parse(parse(await recipe('gitlab-ci.yml')));
  const stages = z.array(z.string()).parse(document.stages);
  const jobs = Object.values(document).flatMap((job) => GITLAB_JOB.safeParse(job).data ?? []);
  expect(jobs.map(({ stage }) => stage).filter((stage) => !stages.includes(stage))).toEqual([]);
  await expectAllToWork(jobs.flatMap(({ script }) => script));
});

test('Jenkinsfile: every sh step runs as it is printed, and its braces close', async () => {
  const text = await recipe('Jenkinsfile');
  expect([...text].filter((sign) => sign === '{').length).toBe([...text].filter((sign) => sign === '}').length);
  await expectAllToWork([...text.matchAll(/\bsh '([^']+)'/g)].map(([, script = '']) => script));
});
