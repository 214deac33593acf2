import { Command } from 'commander';
import { COMMANDS } from '../../lib/cli/commands.ts';
import { HarnessError } from '../../lib/errors.ts';
import { expect, test } from '../support/test.ts';
import { projectFiles, projectText } from './files.ts';
import { commandLines, documentPages, type Printed, printedOn, shellLine } from './printed-commands.ts';

/** Takes the actions out of a command, and makes it throw where it would end the process. */
function tamed(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  if (command.commands.length === 0) command.action(() => undefined);
  for (const child of command.commands) tamed(child);
  return command;
}

/** What is wrong with a command line; undefined where the definitions take it. */
async function trouble(line: string): Promise<string | undefined> {
  const [name = '', ...rest] = shellLine(line).words;
  const row = COMMANDS.find((command) => command.name === name);
  if (row === undefined) return `there is no command ${name}`;
  const program = tamed(new Command('snp-conform')).addCommand(tamed(await row.load()));
  try {
    await program.parseAsync([name, ...rest], { from: 'user' });
    return undefined;
  } catch (thrown) {
    // What a value is worth, such as "$NONCE", is for the one who runs it.
    if (thrown instanceof HarnessError) return undefined;
    const code: unknown = Reflect.get(Object(thrown), 'code');
    return code === 'commander.helpDisplayed' ? undefined : String(thrown);
  }
}

async function troubles(printed: readonly Printed[]): Promise<string[]> {
  const found = [];
  for (const { where, line } of printed) {
    const wrong = await trouble(line);
    if (wrong !== undefined) found.push(`${where}: ${line}: ${wrong}`);
  }
  return found;
}

test('every command line of README and docs is one that the definitions of the commands take', async () => {
  const recipes = projectFiles().filter((path) => /^docs\/.*\.yml$/.test(path));
  const printed = [
    ...documentPages().flatMap(printedOn),
    ...recipes.flatMap((path) => commandLines(projectText(path) ?? '', path)),
  ];
  expect(printed.length).toBeGreaterThan(60);
  expect(await troubles(printed)).toEqual([]);
});

test('the help of every command has two examples or more, which its definition takes', async () => {
  const printed: Printed[] = [];
  for (const { load } of COMMANDS) {
    const withParts = (command: Command): Command[] => [command, ...command.commands.flatMap(withParts)];
    for (const command of withParts(await load())) {
      let help = '';
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      const examples = (help.split('\nExamples:\n')[1] ?? '').replaceAll(/\\\n\s*/g, ' ');
      const lines = examples.split('\n').filter((line) => line.startsWith('  '));
      const own = commandLines(lines.join('\n'), command.name());
      expect(own.length, command.name()).toBeGreaterThan(1);
      printed.push(...own);
    }
  }
  expect(printed.length).toBeGreaterThan(60);
  expect(await troubles(printed)).toEqual([]);
});

test('a command line with an option, a value or a command that is none is seen', async () => {
  const wrong = ['run --hots x', 'run --suite nonsense', 'rnu', 'schema nonsense', 'hosts chek'];
  const printed = wrong.map((line) => ({ where: 'made up', line }));
  expect(await troubles(printed)).toHaveLength(wrong.length);
});
