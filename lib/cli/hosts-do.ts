import { Argument, Command } from 'commander';
import { HarnessError } from '../errors.ts';
import { performDestructive } from '../host/destructive.ts';
import { loadHosts } from '../host/hosts-file.ts';
import { openHostSession } from '../host/open-session.ts';
import { DESTRUCTIVE_ACTIONS, type DestructiveAction } from '../host/power-schema.ts';
import { parseUnsigned } from './numbers.ts';

interface DoFlags {
  hosts: string;
  allowDestructive?: true;
  reportedTcb?: string;
}

const POLL_MS = 5000;

const EXAMPLES = `
Examples:
  snp-conform hosts do reboot milan-1 --allow-destructive
  snp-conform hosts do tcb-config milan-1 --reported-tcb 0xd315000000000004 --allow-destructive

The host's own "destructive" in hosts.json must name the action as well. A host on which guests run is left alone.
`;

function refuse(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform hosts do', hint });
}

async function perform(action: DestructiveAction, name: string, flags: DoFlags): Promise<void> {
  if (!flags.allowDestructive) {
    throw refuse(`${action} changes a machine for everybody`, 'add --allow-destructive if that is what you want');
  }
  if ((action === 'tcb-config') !== (flags.reportedTcb !== undefined)) {
    throw refuse('--reported-tcb belongs to tcb-config, which needs it', '0 stands for the committed TCB');
  }
  const entries = loadHosts(flags.hosts);
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    throw refuse(`no host named ${name}`, `known: ${entries.map((known) => known.name).join(', ')}`);
  }
  const reportedTcb =
    flags.reportedTcb === undefined
      ? undefined
      : parseUnsigned(flags.reportedTcb, '--reported-tcb', 64, 'NUMBER_INVALID');
  const request = { action, ...(reportedTcb !== undefined && { reportedTcb }) };
  await performDestructive(entry, request, { open: (one) => openHostSession(one), pollMs: POLL_MS });
  process.stdout.write(`${name}: ${action} done\n`);
}

/** `snp-conform hosts do`: what changes a host, behind two consents. */
export function hostsDoCommand(): Command {
  return new Command('do')
    .description('reboot or power-cycle a host, commit its firmware, or set its reported TCB')
    .addArgument(new Argument('<action>', 'what').choices(DESTRUCTIVE_ACTIONS))
    .argument('<host>', 'which')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--allow-destructive', 'yes, do it')
    .option('--reported-tcb <number>', 'for tcb-config: the TCB that reports are to carry; 0: the committed one')
    .addHelpText('after', EXAMPLES)
    .action((action: DestructiveAction, name: string, flags: DoFlags) => perform(action, name, flags));
}
