import { homedir } from 'node:os';
import { Command } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { kvmShim } from '../runner/open-host.ts';

const EXAMPLES = `
Examples:
  snp-conform native build
  SNP_CONFORM_CACHE=/srv/cache snp-conform native build
`;

/** `snp-conform native build`: what an emulated host does by itself at first use. */
export function nativeCommand(): Command {
  const command = new Command('native').addHelpText('after', EXAMPLES);
  command
    .command('build')
    .description("Build the KVM shim with the system's C compiler and print where it is")
    .addHelpText('after', EXAMPLES)
    .action(async () => {
      const shim = await kvmShim(cacheDirectory(process.env, homedir()));
      process.stdout.write(`${shim.path}\n`);
    });
  return command;
}
