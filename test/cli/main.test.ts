import { COMMANDS } from '../../lib/cli/commands.ts';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { expect, test } from '../support/test.ts';

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
