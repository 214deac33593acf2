import { Argument, Command } from 'commander';
import { bashCompletion, completionRows, fishCompletion, zshCompletion } from './shell-completion.ts';

/** The shells, and what makes their scripts. */
const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
type Shell = keyof typeof SHELLS;

const EXAMPLES = `
Examples:
  snp-conform completion bash > ~/.local/share/bash-completion/completions/snp-conform
  snp-conform completion zsh > "\${fpath[1]}/_snp-conform"
  snp-conform completion fish > ~/.config/fish/completions/snp-conform.fish
`;

/** Gives every command as it is. */
export type LoadCommands = () => Promise<Command[]>;

/** The whole program, with every command as it is. */
export async function wholeProgram(load: LoadCommands): Promise<Command> {
  const program = new Command('snp-conform').description(
    'Conformance test harness for AMD SEV-SNP guests under QEMU/KVM',
  );
  for (const command of await load()) program.addCommand(command);
  return program;
}

/** `snp-conform completion`: a script for a shell. */
export function completionCommand(load: LoadCommands): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: Shell) => {
      process.stdout.write(SHELLS[shell](completionRows(await wholeProgram(load))));
    });
}
