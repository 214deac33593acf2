import { homedir } from 'node:os';
import { Command } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { ERROR_CODES, EXIT_CODES, HarnessError } from '../errors.ts';
import type { HostReport } from '../evidence/host-report.ts';
import { type HostEntry, loadHosts } from '../host/hosts-file.ts';
import { hostsTable } from '../reporters/hosts-table.ts';
import { looksWith, preflightHosts } from '../runner/preflight.ts';
import { examples } from './examples.ts';
import { hostsDoCommand } from './hosts-do.ts';
import { cleanHosts, showStatus } from './hosts-status.ts';
import { parseCount } from './numbers.ts';

interface HostsFlags {
  hosts: string;
  json?: true;
}

const EXAMPLES = `
Examples:
  snp-conform hosts check
  snp-conform hosts check milan-1 genoa-2 --hosts lab/hosts.json --json
  snp-conform hosts status
  snp-conform hosts clean --older-than 14 --yes
`;

/** The entries of these names, all where none is given. @throws HarnessError HOSTS_INVALID, FILE_UNREADABLE, USAGE */
function chosenEntries(names: readonly string[], flags: HostsFlags): HostEntry[] {
  const entries = loadHosts(flags.hosts);
  const unknown = names.filter((name) => !entries.some((entry) => entry.name === name));
  if (unknown.length > 0) {
    const known = entries.map(({ name }) => name).join(', ');
    throw new HarnessError({ code: 'USAGE', what: `no host named ${unknown.join(', ')}`, hint: `known: ${known}` });
  }
  return names.length === 0 ? entries : entries.filter(({ name }) => names.includes(name));
}

/** What is wrong with hosts.json comes before what is wrong with a host; a machine without SNP is a wrong host, too. */
function exitCodeOf(reports: readonly HostReport[]): number {
  const bad = reports.filter(({ state }) => state !== 'ready');
  if (bad.length === 0) return EXIT_CODES.ok;
  const codes = bad.flatMap(({ findings }) =>
    findings.filter(({ level }) => level === 'error').map(({ code }) => code),
  );
  const wrongInput = codes.some((code) => code !== null && ERROR_CODES[code].kind === 'configuration');
  return wrongInput ? EXIT_CODES.configuration : EXIT_CODES.infrastructure;
}

async function check(names: readonly string[], flags: HostsFlags): Promise<void> {
  const entries = chosenEntries(names, flags);
  const reports = await preflightHosts(entries, looksWith(cacheDirectory(process.env, homedir())));
  const text = flags.json
    ? `${JSON.stringify({ format: 'snp-conform/hosts-check@1', hosts: reports }, null, 2)}\n`
    : hostsTable(reports);
  process.stdout.write(text);
  process.exitCode = exitCodeOf(reports);
}

/** `snp-conform hosts`: what hosts are, and what is on them. */
export function hostsCommand(): Command {
  const hosts = new Command('hosts').addHelpText('after', EXAMPLES);
  hosts
    .command('check [names...]')
    .description('ask every host, or these, what it is and what is wrong with it; nothing is launched or left there')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('hosts check', 'hosts check milan-1 genoa-2 --hosts lab/hosts.json --json'))
    .action((names: string[], flags: HostsFlags) => check(names, flags));
  hosts
    .command('status [names...]')
    .description('show who holds which slot, what is launched, and what is left over')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--json', 'print JSON')
    .addHelpText('after', examples('hosts status', 'hosts status milan-1 --json'))
    .action(async (names: string[], flags: HostsFlags) => {
      process.exitCode = await showStatus(chosenEntries(names, flags), flags.json ? 'json' : 'text');
    });
  hosts
    .command('clean [names...]')
    .description('show what dead runs left on the hosts, and with --yes remove it; what lives is never touched')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--older-than <days>', 'artifacts that nobody used for so many days go too', '30')
    .option('--yes', 'remove what is shown')
    .addHelpText('after', examples('hosts clean', 'hosts clean milan-1 --older-than 14 --yes'))
    .action(async (names: string[], flags: HostsFlags & { olderThan: string; yes?: true }) => {
      const artifactDays = parseCount(flags.olderThan, '--older-than', 'NUMBER_INVALID');
      const plan = { artifactDays, mode: flags.yes ? 'remove' : 'show' } as const;
      process.exitCode = await cleanHosts(chosenEntries(names, flags), plan);
    });
  hosts.addCommand(hostsDoCommand());
  return hosts;
}
