import { Command } from 'commander';
import { type Comparison, compareRuns, isRegression } from '../compare/compare.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { damageLines } from '../evidence/damage.ts';
import { comparisonMarkdown, comparisonText } from '../reporters/comparison-text.ts';
import { type LoadedRun, loadRun, rowFacts } from '../runner/load-run.ts';

interface CompareFlags {
  json?: true;
  markdown?: true;
  keepGoing?: true;
  hostNamed?: string[];
}

const EXAMPLES = `
A run is the folder of one (reports/run, reports/earlier/TIME), the reports folder that it is in, or a recording.

Exit code 1 tells a regression: a new failure, or a digest that changed though no input did; 3 that no regression was found,
but cells that were judged before could not be judged now.

Examples:
  snp-conform compare reports/earlier/2026-03-01T22-15-00-000Z reports/run
  snp-conform compare qemu-10.jsonl.gz qemu-11.jsonl.gz --markdown
  snp-conform compare lab-a.jsonl.gz lab-b.jsonl.gz --host-named milan-1=milan-7
`;

/** Reads `old=new`. @throws HarnessError USAGE */
function renamedHosts(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [before = '', after = '', ...more] = pair.split('=');
      if (before === '' || after === '' || more.length > 0) {
        throw new HarnessError({ code: 'USAGE', what: `--host-named: expected OLD=NEW, got "${pair}"` });
      }
      return [before, after];
    }),
  );
}

/** Says what of a run cannot be read, where that is to be gone on with. */
export function warnOfDamage({ path, damages }: Pick<LoadedRun, 'path' | 'damages'>): void {
  for (const line of damageLines(damages)) process.stderr.write(`warning: ${path}: ${line}\n`);
}

function exitCodeOf(comparison: Comparison): number {
  if (isRegression(comparison)) return EXIT_CODES.failure;
  return comparison.notJudged.length > 0 ? EXIT_CODES.infrastructure : EXIT_CODES.ok;
}

function compare(oldPath: string, newPath: string, flags: CompareFlags): void {
  const options = flags.keepGoing === true ? { keepGoing: true as const } : {};
  const [before, after] = [loadRun(oldPath, options), loadRun(newPath, options)];
  for (const run of [before, after]) warnOfDamage(run);
  const [oldRows, newRows] = [rowFacts(before), rowFacts(after)];
  const comparison = compareRuns(oldRows, newRows, renamedHosts(flags.hostNamed ?? []));
  if (comparison.common === 0) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'the two runs have no cell in common: the same suite, host and id',
      where: `${oldPath}, ${newPath}`,
      hint: 'where hosts have other names, say so with --host-named OLD=NEW',
    });
  }
  const old = { title: before.title, startedAt: before.startedAt, cells: oldRows.length };
  const fresh = { title: after.title, startedAt: after.startedAt, cells: newRows.length };
  if (flags.json) {
    const document = {
      format: 'snp-conform/comparison@1',
      old,
      new: fresh,
      regression: isRegression(comparison),
      ...comparison,
    };
    process.stdout.write(`${JSON.stringify(document, null, 1)}\n`);
  } else {
    process.stdout.write((flags.markdown ? comparisonMarkdown : comparisonText)(comparison, old, fresh));
  }
  process.exitCode = exitCodeOf(comparison);
}

/** `snp-conform compare`: what changed from one run to another. */
export function compareCommand(): Command {
  return new Command('compare')
    .argument('<old>', 'a run or a recording')
    .argument('<new>', 'the later one')
    .option('--json', 'print it for machines')
    .option('--markdown', 'print it for a pull request or a chat')
    .option('--keep-going', 'where a run is damaged, compare what is whole of it')
    .option('--host-named <old=new...>', 'hosts that have another name in the new run')
    .addHelpText('after', EXAMPLES)
    .action(compare);
}
