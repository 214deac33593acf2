import { Command, Option } from 'commander';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { damageError } from '../evidence/damage.ts';
import type { RecordingHeader } from '../evidence/recording/format.ts';
import type { Recording } from '../evidence/recording/reader.ts';
import { writeRecording } from '../evidence/recording/writer.ts';
import { Redaction } from '../evidence/redaction.ts';
import { RESULT_KINDS, type RecordedRow, type ResultKind } from '../evidence/results.ts';
import { judge } from '../judge/judge.ts';
import { recordingLines, rowLines } from '../reporters/recording-text.ts';
import { loadRun } from '../runner/load-run.ts';
import { packageVersion } from '../runner/package-root.ts';
import { predictEvidence } from '../runner/predict-cell.ts';
import { examples } from './examples.ts';
import { type Common, opened, outputPath } from './recording-files.ts';
import { mergeRecordings } from './recording-merge.ts';

function matching(recording: Recording, pattern: string | undefined): RecordedRow[] {
  const wanted = pattern === undefined ? undefined : new RegExp(pattern);
  return [...recording.rows()].filter(({ suite, host, id }) => wanted?.test(`${suite} ${host} ${id}`) ?? true);
}

/** @throws HarnessError USAGE for a pattern that is none */
function checkPattern(pattern: string | undefined): void {
  try {
    new RegExp(pattern ?? '');
  } catch (cause) {
    throw new HarnessError({
      code: 'USAGE',
      what: `--grep: ${cause instanceof Error ? cause.message : String(cause)}`,
    });
  }
}

function show(path: string, flags: Common & { json?: true; grep?: string }): void {
  checkPattern(flags.grep);
  const recording = opened(path, flags);
  if (flags.json) {
    const rows = matching(recording, flags.grep);
    process.stdout.write(`${JSON.stringify({ header: recording.header, rows }, null, 1)}\n`);
    return;
  }
  const lines =
    flags.grep === undefined
      ? recordingLines(recording)
      : matching(recording, flags.grep).flatMap((row) => rowLines(row));
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function verify(path: string, flags: Common): void {
  // A run directory is verified in the same way.
  const run = loadRun(path, { keepGoing: true });
  let rows = 0;
  for (const _ of run.rows()) rows++;
  if (run.damages.length > 0) {
    const error = damageError(run.damages, path, 'RECORDING_INVALID');
    if (flags.keepGoing !== true) throw error;
    process.stderr.write(`snp-conform: ${error.message}\n`);
    process.exitCode = EXIT_CODES.configuration;
  }
  process.stdout.write(`${rows} ${rows === 1 ? 'cell' : 'cells'} whole\n`);
}

async function write(
  recording: Recording,
  output: string,
  rows: RecordedRow[],
  { redactions, partOf }: Pick<RecordingHeader, 'redactions' | 'partOf'>,
): Promise<void> {
  // When it was recorded is when its guests ran, whatever is done with it afterwards.
  const statement = {
    recordedAt: new Date(recording.header.recordedAt),
    tool: `snp-conform ${packageVersion()}`,
    redactions,
    parts: recording.header.parts,
    partOf,
  };
  const cells = await writeRecording(output, () => rows, statement);
  process.stdout.write(`kept ${cells} of ${recording.header.cells} cells in ${output}\n`);
}

interface PruneFlags extends Common {
  result?: ResultKind[];
  grep?: string;
  host?: string[];
  logs?: 'drop' | 'failed';
}

/** A row with its logs, or without. */
function withLogs(row: RecordedRow, logs: PruneFlags['logs']): RecordedRow {
  const keeps = logs === undefined || (logs === 'failed' && row.result !== 'pass');
  if (row.evidence === null || keeps) return row;
  const { outcome } = row.evidence;
  return { ...row, evidence: { ...row.evidence, outcome: { ...outcome, console: '', stderr: '' } } };
}

async function prune(path: string, output: string, flags: PruneFlags): Promise<void> {
  checkPattern(flags.grep);
  const recording = opened(path, flags);
  const rows = matching(recording, flags.grep)
    .filter(({ result, host }) => {
      const wanted = flags.result === undefined || (result !== null && flags.result.includes(result));
      return wanted && (flags.host?.includes(host) ?? true);
    })
    .map((row) => withLogs(row, flags.logs));
  if (rows.length === 0) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'no cell is left',
      where: path,
      hint: '`recording show` lists them',
    });
  }
  await write(recording, outputPath(path, output), rows, recording.header);
}

/** @throws HarnessError INTERNAL where what was taken out changes what is made of the evidence */
function checkVerdict(before: RecordedRow, after: RecordedRow): void {
  if (before.evidence === null || after.evidence === null) return;
  const [was, is] = [before.evidence, after.evidence].map(
    (evidence) => judge(predictEvidence(evidence), evidence).result,
  );
  if (was === is) return;
  throw new HarnessError({
    code: 'INTERNAL',
    what: `redacted, ${before.id} would be a ${is} and not a ${was}`,
    where: `host ${before.host}`,
    hint: 'nothing was written',
  });
}

async function redact(
  path: string,
  output: string,
  flags: Common & { hosts?: 'rename'; logs?: 'drop' },
): Promise<void> {
  const recording = opened(path, flags);
  const redaction = new Redaction({
    ...(flags.hosts && { hosts: flags.hosts }),
    ...(flags.logs && { logs: flags.logs }),
  });
  const rows = [...recording.rows()].map((row) => {
    const redacted = redaction.row(row);
    checkVerdict(row, redacted);
    return redacted;
  });
  const counts = new Map(Object.entries(recording.header.redactions));
  for (const [name, count] of Object.entries(redaction.counts)) counts.set(name, (counts.get(name) ?? 0) + count);
  // It names hosts, and its names are not those of the rows any more.
  const partOf = flags.hosts === 'rename' ? undefined : recording.header.partOf;
  await write(recording, outputPath(path, output), rows, { redactions: Object.fromEntries(counts), partOf });
  for (const [name, count] of Object.entries(redaction.counts)) process.stdout.write(`  ${name}: ${count}\n`);
}

const KEEP_GOING = ['--keep-going', 'where it is damaged, go on with what is whole'] as const;

/** `snp-conform recording`: what is done with recordings beside playing them back. */
export function recordingCommand(): Command {
  const command = new Command('recording').addHelpText(
    'after',
    examples('recording show night.jsonl.gz', 'recording verify night.jsonl.gz'),
  );
  command
    .command('show')
    .description('Say what a recording is: its evidence, hosts and results; with --grep the cells that match')
    .argument('<file>')
    .option('--grep <regexp>', 'the cells whose suite, host and id match')
    .option('--json', 'print it for machines')
    .option(...KEEP_GOING)
    .addHelpText(
      'after',
      examples('recording show night.jsonl.gz', 'recording show night.jsonl.gz --grep EPYC-v4 --json'),
    )
    .action(show);
  command
    .command('verify')
    .description('Verify every byte of a recording, or every file of a run directory')
    .argument('<file or folder>')
    .option(...KEEP_GOING)
    .addHelpText('after', examples('recording verify night.jsonl.gz', 'recording verify reports/run'))
    .action(verify);
  command
    .command('prune')
    .description('Keep a part of a recording')
    .argument('<file>')
    .argument('<output>')
    .addOption(new Option('--result <kind...>', 'the cells with these results').choices(RESULT_KINDS))
    .option('--grep <regexp>', 'the cells whose suite, host and id match')
    .option('--host <name...>', 'the cells of these hosts')
    .addOption(
      new Option(
        '--logs <which>',
        'consoles and standard errors: drop all, or keep those of cells that failed',
      ).choices(['drop', 'failed']),
    )
    .option(...KEEP_GOING)
    .addHelpText(
      'after',
      examples(
        'recording prune night.jsonl.gz failed.jsonl.gz --result fail',
        'recording prune night.jsonl.gz small.jsonl.gz --host milan-1 --logs failed',
      ),
    )
    .action(prune);
  command
    .command('merge')
    .description('Make one recording of those of the parts of a run (run --shard); run --replay makes its reports')
    .argument('<output>')
    .argument('<file...>')
    .option(...KEEP_GOING)
    .addHelpText(
      'after',
      examples('recording merge night.jsonl.gz part-1.jsonl.gz part-2.jsonl.gz', 'run --replay night.jsonl.gz'),
    )
    .action(mergeRecordings);
  command
    .command('redact')
    .description(
      'Take private keys, tokens, passwords, users and addresses out of all texts; verdicts stay what they are',
    )
    .argument('<file>')
    .argument('<output>')
    .addOption(new Option('--hosts <how>', 'names of hosts become host-1, host-2, ...').choices(['rename']))
    .addOption(new Option('--logs <how>', 'consoles and standard errors').choices(['drop']))
    .option(...KEEP_GOING)
    .addHelpText(
      'after',
      examples(
        'recording redact night.jsonl.gz public.jsonl.gz',
        'recording redact night.jsonl.gz public.jsonl.gz --hosts rename --logs drop',
      ),
    )
    .action(redact);
  return command;
}
