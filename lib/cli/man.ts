import { Command } from 'commander';
import { packageVersion } from '../runner/package-root.ts';
import { type LoadCommands, wholeProgram } from './completion.ts';
import { manPage } from './man-page.ts';

const EXAMPLES = `
Examples:
  snp-conform man | man -l -
  snp-conform man > ~/.local/share/man/man1/snp-conform.1
`;

/** `snp-conform man`: the manual page, made of the definitions of the commands. */
export function manCommand(load: LoadCommands): Command {
  return new Command('man').addHelpText('after', EXAMPLES).action(async () => {
    process.stdout.write(manPage(await wholeProgram(load), packageVersion()));
  });
}
