import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { damageError } from '../evidence/damage.ts';
import { makeFolder } from '../evidence/folders.ts';
import { missingParts } from '../evidence/parts.ts';
import { openRecording, type Recording } from '../evidence/recording/reader.ts';
import { writeRecording } from '../evidence/recording/writer.ts';
import { Redaction } from '../evidence/redaction.ts';
import { RESULT_KINDS, type RecordedRow, type ResultKind, rowKey } from '../evidence/results.ts';
import { judge } from '../judge/judge.ts';
import { recordingLines, rowLines } from '../reporters/recording-text.ts';
import { loadRun } from '../runner/load-run.ts';
import { packageVersion } from '../runner/package-root.ts';
import { predictEvidence } from '../runner/predict-cell.ts';
import { warnOfDamage } from './compare.ts';
import { examples } from './examples.ts';

interface Common {
  keepGoing?: true;
}

const options = ({ keepGoing }: Common): { keepGoing?: true } => (keepGoing === true ? { keepGoing: true } : {});

function opened(path: string, flags: Common): Recording {
  const recording = openRecording(path, options(flags));
  warnOfDamage(recording);
  return recording;
}

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

/** Refuses to write over what is read. */
function outputPath(input: string, output: string): string {
  if (existsSync(output) && resolve(input) === resolve(output)) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'the output is the recording itself',
      where: output,
      hint: 'name another file',
    });
  }
  makeFolder(dirname(resolve(output)), 'recording');
  return resolve(output);
}

async function write(
  recording: Recording,
  output: string,
  rows: RecordedRow[],
  redactions: Readonly<Record<string, number>>,
): Promise<void> {
  // When it was recorded is when its guests ran, whatever is done with it afterwards.
  const statement = {
    recordedAt: new Date(recording.header.recordedAt),
    tool: `snp-conform ${packageVersion()}`,
    redactions,
    parts: recording.header.parts,
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
  await write(recording, outputPath(path, output), rows, recording.header.redactions);
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
  await write(recording, outputPath(path, output), rows, Object.fromEntries(counts));
  for (const [name, count] of Object.entries(redaction.counts)) process.stdout.write(`  ${name}: ${count}\n`);
}

/** A part that is lost must not pass for one whose cells all hold. @throws HarnessError USAGE */
function checkParts(held: readonly string[], { keepGoing }: Common): void {
  const missing = missingParts(held);
  if (missing.length === 0) return;
  const error = new HarnessError({
    code: 'USAGE',
    what: `of the parts of this run, ${missing.slice(0, 20).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there`,
    where: 'recording merge',
    hint: 'name their recordings too; without them, --keep-going merges what is there',
  });
  if (keepGoing !== true) throw error;
  process.stderr.write(`snp-conform: ${error.message}\n`);
  process.exitCode = EXIT_CODES.configuration;
}

/** The parts of one run become one recording; what is of no part, or of two, is not guessed at. */
async function merge(output: string, paths: readonly string[], flags: Common): Promise<void> {
  const parts = paths.map((path) => ({ path, recording: opened(path, flags) }));
  const from = new Map<string, string>();
  for (const { path, recording } of parts) {
    for (const entry of recording.entries) {
      const earlier = from.get(rowKey(entry));
      from.set(rowKey(entry), path);
      if (earlier === undefined) continue;
      throw new HarnessError({
        code: 'USAGE',
        what: `${entry.id} on ${entry.host} is in ${earlier} and in ${path}`,
        where: 'recording merge',
        hint: 'parts of one run have no cell in common: run --shard 1/2 --record a, run --shard 2/2 --record b',
      });
    }
  }
  const redactions = new Map<string, number>();
  for (const { recording } of parts) {
    for (const [name, count] of Object.entries(recording.header.redactions)) {
      redactions.set(name, (redactions.get(name) ?? 0) + count);
    }
  }
  const recordedAt = parts.map(({ recording }) => recording.header.recordedAt).sort()[0] ?? '';
  const target = paths.map((path) => outputPath(path, output))[0] ?? output;
  const rows = function* (): Generator<RecordedRow> {
    for (const { recording } of parts) yield* recording.rows();
  };
  const tool = `snp-conform ${packageVersion()}`;
  const held = parts.flatMap(({ recording }) => recording.header.parts ?? []);
  const statement = {
    ...{ recordedAt: new Date(recordedAt), tool, redactions: Object.fromEntries(redactions) },
    ...(held.length > 0 && { parts: held }),
  };
  checkParts(held, flags);
  const cells = await writeRecording(target, rows, statement);
  process.stdout.write(`kept ${cells} cells of ${parts.length} recordings in ${output}\n`);
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
    .action(merge);
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
