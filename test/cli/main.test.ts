import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../lib/cli/commands.ts';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

test('--help shows the commands, examples and exit codes, and succeeds', async () => {
  const run = await runCli(['--help']);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toMatch(/Commands:\n[\s\S]*Examples:\n[\s\S]*Exit codes:\n[\s\S]*3 /);
  const words = run.stdout.replace(/\s+/g, ' ');
  for (const { name, description } of COMMANDS) expect(words).toContain(` ${name} ${description} `);
});

test('every command is found by its name', async () => {
  for (const { name, load } of COMMANDS) expect((await load()).name()).toBe(name);
});

test('the help of a command has examples and exit codes too', async () => {
  const run = await runCli(['predict', '--help']);
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toContain('print the launch digest');
  expect(await runHere(['help', 'predict'])).toEqual(run);
  expect(run.stdout).toMatch(/--guest-features[\s\S]*not the guest\s+policy[\s\S]*Examples:[\s\S]*Exit codes:/);
});

test('--version prints the version of the package', async () => {
  expect(await runCli(['--version'])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

for (const args of [[], ['firmware'], ['nonsense'], ['--nonsense'], ['firmware', 'describe'], ['predict', 'extra']]) {
  test(`"${['snp-conform', ...args].join(' ')}" is a usage error: exit code 2, nothing on stdout`, async () => {
    const run = await runHere(args);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).not.toBe('');
  });
}

test('the stack of an error is shown only where it is asked for', async () => {
  const args = ['firmware', 'describe', '/nonexistent'];
  expect((await runCli(args)).stderr).not.toMatch(/\n +at /);
  expect((await runCli(args, { SNP_CONFORM_DEBUG: '1' })).stderr).toMatch(/\n +at /);
});

/** What a command line ends with where a stream of it leads somewhere. @param shell `$CLI` is the program */
function inShell(shell: string): { status: number | null; stderr: string } {
  const env = { ...process.env, CLI: projectPath('bin/snp-conform') };
  return spawnSync('bash', ['-c', shell], { encoding: 'utf8', env });
}

test('a full disk behind standard output is named, and not taken for a defect of the tool', () => {
  expect(inShell('"$CLI" profiles > /dev/full')).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/^snp-conform: OUTPUT_FAILED: .*the disk is full\n {2}hint: /),
  });
});

test('a reader that goes away changes no exit code', () => {
  expect(inShell('set -o pipefail; "$CLI" profiles | true')).toMatchObject({ status: 0, stderr: '' });
  expect(inShell('set -o pipefail; "$CLI" profiles --nonsense 2>&1 | true')).toMatchObject({ status: 2 });
  expect(inShell('"$CLI" profiles --nonsense 2> /dev/full')).toMatchObject({ status: 2 });
});

test('a command without its code, or not installed, says what to do, and is not taken for a verdict', () => {
  const root = inFolder('uninstalled');
  for (const folder of ['bin', 'lib/cli', 'test']) mkdirSync(join(root, folder), { recursive: true });
  const bin = join(root, 'bin', 'snp-conform');
  copyFileSync(projectPath('bin/snp-conform'), bin);
  const needs = (node: string) => writeFileSync(join(root, 'package.json'), JSON.stringify({ engines: { node } }));
  needs('>=20.19');
  const started = () => spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' });
  expect(started()).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining('npm run package') });
  writeFileSync(join(root, 'lib', 'cli', 'main.ts'), '');
  expect(started()).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining('run there: npm ci') });
  needs('>=999.1');
  expect(started()).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/it needs Node 999\.1 or newer; this is \d+\.\d+[\s\S]*hint: nodejs\.org/),
  });
});
