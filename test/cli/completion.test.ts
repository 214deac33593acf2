import { execFileSync, spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { loadedCommands } from '../../lib/cli/commands.ts';
import { wholeProgram } from '../../lib/cli/completion.ts';
import { manPage } from '../../lib/cli/man-page.ts';
import { bashCompletion, completionRows, fishCompletion, zshCompletion } from '../../lib/cli/shell-completion.ts';
import { expect, test } from '../support/test.ts';

/** Every command that does something, by the words that lead to it. */
function commandsOf(command: Command, path: readonly string[]): [string, Command][] {
  const here = [...path, command.name()];
  return command.commands.length === 0
    ? [[here.join(' '), command]]
    : command.commands.flatMap((child) => commandsOf(child, here));
}

/** What a real bash offers after these words. */
function offered(script: string, words: readonly string[]): string[] {
  const driver = `${script}
COMP_WORDS=(snp-conform "$@"); COMP_CWORD=$#
_snp_conform
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync('bash', ['--norc', '-c', driver, 'bash', ...words], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  return printed.split('\n').filter((word) => word !== '');
}

test('bash completes commands, their options, the values that options take, and files', async () => {
  const script = bashCompletion(completionRows(await wholeProgram(loadedCommands)));
  expect(offered(script, ['pre'])).toEqual(['predict']);
  expect(offered(script, ['hosts', ''])).toEqual(expect.arrayContaining(['check', 'status', 'clean', 'do']));
  expect(offered(script, ['hosts', 'check', '--h'])).toEqual(['--hosts', '--help']);
  expect(offered(script, ['run', '--suite', 'att'])).toEqual(['attestation']);
  expect(offered(script, ['schema', 'm'])).toEqual(['matrix']);
  expect(offered(script, ['run', '--replay', 'completion.t'])).toEqual(['completion.test.ts']);
  expect(offered(script, ['why', '--log', 'completion.t'])).toEqual(['completion.test.ts']);
});

/** What a shell prints that sources a script and runs a driver; undefined where the shell is not installed. */
function printedBy(shell: 'zsh' | 'fish', source: string): string[] | undefined {
  const bare = shell === 'zsh' ? ['-f'] : ['--no-config'];
  const done = spawnSync(shell, [...bare, '-c', source], { encoding: 'utf8', cwd: import.meta.dirname });
  if (done.error !== undefined && 'code' in done.error && done.error.code === 'ENOENT') return undefined;
  expect({ status: done.status, stderr: done.stderr }).toEqual({ status: 0, stderr: '' });
  return done.stdout.trim().split('\n');
}

test('zsh completes commands, options, values and files, when it sources the script and when it loads it', async () => {
  const script = zshCompletion(completionRows(await wholeProgram(loadedCommands)));
  // What only exists while a line is edited is stood in for: each says what it was asked for.
  const driver = `compdef() { print "compdef $*" }
compadd() { shift; print -- "$*" }
_files() { print files }
offer() { words=(snp-conform "$@"); CURRENT=$#words; _snp_conform }
${script}
offer hosts ''; offer run --suite att; offer why --log x
_snp-conform() {
${script}
}
words=(snp-conform report ''); CURRENT=3; _snp-conform`;
  const printed = printedBy('zsh', driver);
  test.skip(printed === undefined, 'no zsh is installed here');
  expect(printed).toEqual([
    'compdef _snp_conform snp-conform',
    'check status clean do --help -h',
    'files',
    'launch identity policy attestation',
    'files',
    'show verify --help -h',
    'files',
  ]);
});

test('fish completes commands, their options, the values that options take, and files', async () => {
  const script = fishCompletion(completionRows(await wholeProgram(loadedCommands)));
  const lines = ['pre', 'hosts check --ho', 'run --suite att', 'schema m', 'why --log completion.t'];
  const asked = lines.map((line) => `complete -C 'snp-conform ${line}'`).join('\n');
  const printed = printedBy('fish', `${script}\n${asked}`);
  test.skip(printed === undefined, 'no fish is installed here');
  const offers = printed?.map((line) => line.split('\t')[0]);
  expect(offers).toEqual(['predict', '--hosts', 'attestation', 'matrix', 'completion.test.ts']);
});

test('the scripts of all shells know every command, and hold nothing that a shell would run', async () => {
  const program = await wholeProgram(loadedCommands);
  const rows = completionRows(program);
  for (const script of [bashCompletion(rows), zshCompletion(rows), fishCompletion(rows)]) {
    for (const { name } of rows.flatMap(({ subcommands }) => subcommands)) expect(script).toContain(name);
    expect(script).not.toMatch(/`|\$\((?!@)/);
  }
  expect(spawnSync('bash', ['-n'], { input: bashCompletion(rows) }).status).toBe(0);
});

test('the help of every command has an example or two, each a command line of its own', async () => {
  const all = (await loadedCommands()).flatMap((command) => commandsOf(command, []));
  expect(all.length).toBeGreaterThan(25);
  for (const [path, command] of all) {
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    const lines = help.split('\nExamples:\n')[1]?.match(/^ {2}(?:\S.*)?\bsnp-conform [a-z].*/gm) ?? [];
    expect(new Set(lines).size, `examples of ${path}`).toBeGreaterThanOrEqual(2);
    expect(
      lines.some((line) => line.includes(`snp-conform ${path}`)),
      path,
    ).toBe(true);
  }
});

test('the manual page has every command, option and error code, and is what groff takes without a warning', async () => {
  const program = await wholeProgram(loadedCommands);
  const page = manPage(program, '1.2.3');
  for (const [path, command] of program.commands.flatMap((one) => commandsOf(one, []))) {
    expect(page).toContain(`.SS snp\\-conform ${path.replaceAll('-', '\\-')}`);
    for (const { flags } of command.options.filter(({ hidden }) => !hidden))
      expect(page).toContain(`.B ${flags.replaceAll('-', '\\-')}`);
  }
  expect(page).toContain('.B DIGEST_MISMATCH');
  expect(page.split('\n').filter((line) => /^['.](?!TH|SH|SS|TP|PP|B |I |EX|EE)/.test(line))).toEqual([]);
  const groff = spawnSync('groff', ['-man', '-ww', '-Tascii', '-z'], { input: page, encoding: 'utf8' });
  // Where there is no groff, the lines above must do.
  if (groff.error === undefined)
    expect({ status: groff.status, stderr: groff.stderr }).toEqual({ status: 0, stderr: '' });
});
