import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { ARTIFACTS_FOLDER, PROJECT_ROOT, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

let folder: string;
test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snp-packed-'));
});
test.afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The suites of the document, by the names of their files. */
async function suitesOfDocument(): Promise<[string, string][]> {
  const page = await readFile(projectPath('docs', 'writing-suites.md'), 'utf8');
  return [...page.matchAll(/^<!-- file: (\S+) -->\n```ts\n(.*?)^```$/gms)].map(([, name = '', text = '']) => [
    name,
    text,
  ]);
}

test('the packed tarball, installed into an empty project, runs the suites of docs/writing-suites.md and records them, and plays a recording that it has', async () => {
  const app = join(folder, 'app');
  await mkdir(app);
  const within = (cwd: string) => ({ cwd, reject: false, stdin: 'ignore', timeout: 540_000, all: true }) as const;
  const npm = (cwd: string, args: readonly string[]) => execa('npm', args, within(cwd));
  const conform = (args: readonly string[]) => execa('npx', ['--no-install', 'snp-conform', ...args], within(app));

  const packed = await npm(PROJECT_ROOT, ['run', '--silent', 'package', '--', '--pack-destination', folder]);
  expect(packed.exitCode, packed.all).toBe(0);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? 'none';
  await writeFile(join(app, 'package.json'), '{ "private": true, "type": "commonjs" }\n');
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  const installed = await npm(app, ['install', '--save-dev', ...flags, join(folder, tarball)]);
  expect(installed.exitCode, installed.all).toBe(0);

  const ovmf = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
  const where = ['--local', '--emulated', '--directory', join(folder, 'host'), '--ovmf', ovmf];
  const begun = await conform(['init', '.', ...where, '--yes', '--no-run']);
  expect(begun.exitCode, begun.all).toBe(0);
  const published = await conform(['predict', '--matrix', 'matrix.json']);
  await writeFile(join(app, 'published.json'), published.stdout);
  const suites = await suitesOfDocument();
  expect(suites).toHaveLength(3);
  for (const [name, text] of suites) {
    await mkdir(dirname(join(app, name)), { recursive: true });
    await writeFile(join(app, name), text);
  }
  const compiled = await execa(
    process.execPath,
    [
      projectPath('node_modules', 'typescript', 'bin', 'tsc'),
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2023',
      '--module',
      'nodenext',
      '--typeRoots',
      projectPath('node_modules', '@types'),
      '--types',
      'node',
      ...suites.map(([name]) => name),
      'suites/first.spec.ts',
      'playwright.config.ts',
    ],
    within(app),
  );
  expect(compiled.all).toBe('');

  const run = ['run', '--config', 'playwright.config.ts'];
  const launched = await conform([...run, '--record', 'night.jsonl.gz']);
  expect(launched.exitCode, launched.all).toBe(0);
  // Two cells: two in the first suite, two in the published one, and three tests of the cell with one vCPU.
  expect(launched.all).toMatch(/^7 passed, 0 failed$/m);
  const verified = await conform(['recording', 'verify', 'night.jsonl.gz']);
  expect(verified.exitCode, verified.all).toBe(0);

  // The suites of the package come with it, and play the recording that ships.
  const shipped = 'node_modules/snp-conform/fixtures/recordings/founding-case.emulated.jsonl.gz';
  const own = await conform(['run', '--replay', shipped, '--out', 'shipped']);
  expect(own.exitCode, own.all).toBe(1);
});
