import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { historyOf } from '../compare/history.ts';
import { HarnessError } from '../errors.ts';
import { historyText } from '../reporters/history-text.ts';
import { loadRun, rowFacts, runsIn } from '../runner/load-run.ts';
import { warnOfDamage } from './compare.ts';

interface HistoryFlags {
  json?: true;
  keepGoing?: true;
}

const EXAMPLES = `
Examples:
  snp-conform history reports
  snp-conform history /srv/recordings --json
`;

function history(folder: string, flags: HistoryFlags): void {
  if (!existsSync(folder))
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: 'there is no such folder', where: folder });
  const paths = runsIn(folder);
  if (paths.length === 0) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'there is no run in this folder',
      where: folder,
      hint: 'it is to hold directories of runs (reports/earlier) or recordings (*.jsonl.gz)',
    });
  }
  const runs = paths.map((path) => {
    const run = loadRun(path, flags.keepGoing === true ? { keepGoing: true } : {});
    warnOfDamage(run);
    return { title: run.title, startedAt: run.startedAt, rows: rowFacts(run) };
  });
  const told = historyOf(runs);
  const document = { format: 'snp-conform/history@1', ...told };
  process.stdout.write(flags.json ? `${JSON.stringify(document, null, 1)}\n` : historyText(told));
}

/** `snp-conform history`: many runs beside each other. */
export function historyCommand(): Command {
  return new Command('history')
    .argument('<folder>', 'directories of runs, or recordings')
    .option('--json', 'print it for machines')
    .option('--keep-going', 'where a run is damaged, take what is whole of it')
    .addHelpText('after', EXAMPLES)
    .action(history);
}
