import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { HarnessError } from '../errors.ts';
import { checkBlobReport } from '../evidence/blob-report.ts';
import { makeFolder } from '../evidence/folders.ts';
import { loadPlan, type Plan } from '../runner/plan.ts';
import { recordRun } from '../runner/record.ts';
import { SUMMARY_FILE } from '../runner/summary.ts';
import { examples } from './examples.ts';
import { beginRun, clearReports, configPath, exitCodeOf, readSummary, runRunner } from './run-folder.ts';
import { withRunLock } from './run-lock.ts';
import { runnerCommand } from './runner-command.ts';

interface MergeFlags {
  hosts: string;
  matrix: string;
  replay?: string;
  config?: string;
  record?: string;
  out: string;
}

/** The blob reports that are named: files, and all of folders. @throws HarnessError USAGE, RECORDING_INVALID */
async function blobReports(paths: readonly string[]): Promise<string[]> {
  const files = paths.flatMap((path) => {
    if (!existsSync(path))
      throw new HarnessError({ code: 'USAGE', what: `there is no ${path}`, where: 'merge-reports' });
    if (!statSync(path).isDirectory()) return [path];
    const zips = readdirSync(path).filter((name) => name.endsWith('.zip'));
    if (zips.length > 0) return zips.sort().map((name) => join(path, name));
    const hint = 'a part leaves one with: snp-conform run --shard 1/2 --blob part-1.zip';
    throw new HarnessError({
      code: 'USAGE',
      what: `no blob report (.zip) is in ${path}`,
      where: 'merge-reports',
      hint,
    });
  });
  for (const file of files) await checkBlobReport(file);
  return files;
}

function planOf(flags: MergeFlags): Plan {
  const reportsDirectory = resolve(flags.out);
  const { replay, hosts, matrix } = flags;
  const missing = replay === undefined ? [hosts, matrix].find((file) => !existsSync(file)) : undefined;
  if (missing !== undefined) {
    const hint = 'name the files of the run with --hosts and --matrix: they say what was to run';
    throw new HarnessError({ code: 'USAGE', what: `there is no ${missing}`, where: 'merge-reports', hint });
  }
  return {
    runDirectory: join(reportsDirectory, 'run'),
    reportsDirectory,
    comparedWith: null,
    merging: true,
    source:
      replay === undefined
        ? { kind: 'hosts', hostsFile: resolve(hosts), matrixFile: resolve(matrix), referenceFile: null }
        : { kind: 'replay', recordingFile: resolve(replay) },
  };
}

async function mergeReports(paths: readonly string[], flags: MergeFlags): Promise<void> {
  const files = await blobReports(paths);
  const plan = planOf(flags);
  if (flags.record !== undefined) makeFolder(dirname(resolve(flags.record)), '--record');
  await withRunLock(plan, () => mergeInto(plan, files, flags));
}

async function mergeInto(plan: Plan, files: readonly string[], flags: MergeFlags): Promise<void> {
  // What the files say wrong is said here, and not by the runner.
  loadPlan(plan);
  await clearReports(plan);
  await beginRun(plan);
  const config = flags.config === undefined ? configPath() : resolve(flags.config);
  const { args, env } = runnerCommand(plan, config, 'merge-reports');
  // The runner takes one folder, and unpacks into it.
  const folder = await mkdtemp(join(tmpdir(), 'snp-merge-'));
  try {
    for (const [at, file] of files.entries()) symlinkSync(resolve(file), join(folder, `${at}-${basename(file)}`));
    await runRunner(plan, [...args, folder], env);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (!existsSync(join(plan.runDirectory, SUMMARY_FILE))) {
    throw new HarnessError({
      code: 'RECORDING_INVALID',
      what: 'the runner could not merge these blob reports; what it said stands above',
      where: files.join(', '),
      hint: 'merge what one version of snp-conform made, with the configuration (--config) that its parts ran with',
    });
  }
  if (flags.record !== undefined) {
    const cells = await recordRun(plan.runDirectory, resolve(flags.record), { now: new Date() });
    process.stdout.write(`recorded ${cells} cells in ${flags.record}\n`);
  }
  process.exitCode = exitCodeOf(readSummary(plan));
}

/** `snp-conform merge-reports`: the blob reports of the parts of a run become one run. */
export function mergeReportsCommand(): Command {
  return new Command('merge-reports')
    .description(
      'Make one run of the blob reports of its parts (run --shard --blob): one JUnit, one page, one directory',
    )
    .argument('<blob...>', 'blob reports, or folders of them')
    .option('--hosts <file>', 'the hosts of the run', 'hosts.json')
    .option('--matrix <file>', 'the matrix of the run', 'matrix.json')
    .option('--replay <file>', 'the recording that the parts played back')
    .option('--config <file>', 'the configuration that the parts ran with; by default that of the package')
    .option('--record <file>', 'keep the evidence of the whole run as one file')
    .option('--out <folder>', 'where the run and its reports go', 'reports')
    .addHelpText(
      'after',
      examples('merge-reports blobs', 'merge-reports part-1.zip part-2.zip --record night.jsonl.gz --out night'),
    )
    .action((paths: string[], flags: MergeFlags) => mergeReports(paths, flags));
}
