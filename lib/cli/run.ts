import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { makeFolder } from '../evidence/folders.ts';
import { shellWord } from '../host/quote.ts';
import { EXPLAIN_MODES, type ExplainMode } from '../matrix/explain-mode.ts';
import { checkEmulation } from '../runner/open-host.ts';
import { partOfRun } from '../runner/part-of-run.ts';
import { loadPlan, type Plan } from '../runner/plan.ts';
import { checkPredictions } from '../runner/predict-all.ts';
import { recordRun } from '../runner/record.ts';
import { SUITES, type SuiteName } from '../runner/suite-names.ts';
import { SUMMARY_FILE } from '../runner/summary.ts';
import { foundNoTests } from '../runner/test-list.ts';
import { warnOfDamage } from './compare.ts';
import { parseCount } from './numbers.ts';
import { resumedPlan } from './resume.ts';
import { beginRun, clearReports, configPath, exitCodeOf, readSummary, runRunner } from './run-folder.ts';
import { withRunLock } from './run-lock.ts';
import { nothingLeft, runnerCommand, runnerFilters } from './runner-command.ts';

interface RunFlags {
  hosts: string;
  matrix: string;
  resume?: string;
  config?: string;
  replay?: string;
  record?: string;
  reference?: string;
  compareWith?: string;
  keepGoing?: true;
  out: string;
  host?: string[];
  suite?: SuiteName[];
  grep?: string;
  shard?: string;
  blob?: string;
  explain?: ExplainMode;
  kds?: string;
  offline?: true;
  kdsAttempts?: number;
}

/** A service that does not answer to so many is not there. */
const ATTEMPTS_MAX = 20;

const EXAMPLES = `
Examples:
  snp-conform run --hosts hosts.json --matrix matrix.json
  snp-conform run --hosts hosts.json --matrix matrix.json --host milan-1 --grep 'EPYC-v4' --record night.jsonl.gz
  snp-conform run --hosts hosts.json --matrix matrix.json --suite launch identity policy attestation
  snp-conform run --resume reports/run
  snp-conform run --replay night.jsonl.gz
`;

function comparedWith({ compareWith, replay }: RunFlags): Pick<Plan, 'comparedWith'> {
  if (compareWith !== undefined) return { comparedWith: resolve(compareWith) };
  return replay === undefined ? { comparedWith: null } : {};
}

/** `20260301T221500Z-1f3a`: sorts by time, and two runs of a second differ. */
function newRunId(now: Date): string {
  const time = now.toISOString().replace(/\.\d+/, '');
  return `${time.replaceAll(/[-:]/g, '')}-${randomBytes(2).toString('hex')}`;
}

/** What of all cells and hosts is wanted. */
function narrowed({
  host,
  grep,
}: {
  host?: string[] | undefined;
  grep?: string | undefined;
}): Pick<Plan, 'hosts' | 'grep'> {
  return { ...(host && { hosts: host }), ...(grep !== undefined && { grep }) };
}

function planOf(flags: RunFlags): Plan {
  if (flags.resume !== undefined) {
    const { hosts, grep, ...plan } = resumedPlan(flags.resume);
    return { ...plan, runId: newRunId(new Date()), ...narrowed({ host: hosts, grep, ...flags }) };
  }
  const reportsDirectory = resolve(flags.out);
  const source: Plan['source'] =
    flags.replay === undefined
      ? {
          kind: 'hosts',
          hostsFile: resolve(flags.hosts),
          matrixFile: resolve(flags.matrix),
          referenceFile: flags.reference === undefined ? null : resolve(flags.reference),
        }
      : { kind: 'replay', recordingFile: resolve(flags.replay), ...(flags.keepGoing && { keepGoing: true as const }) };
  return {
    runDirectory: join(reportsDirectory, 'run'),
    reportsDirectory,
    source,
    runId: newRunId(new Date()),
    ...narrowed(flags),
    ...(flags.shard !== undefined && { shard: flags.shard }),
    ...(flags.blob !== undefined && { blobFile: resolve(flags.blob) }),
    ...(flags.suite && { suites: flags.suite }),
    kds: {
      ...(flags.kds === undefined ? {} : { url: flags.kds }),
      ...(flags.kdsAttempts === undefined ? {} : { attempts: flags.kdsAttempts }),
      offline: flags.offline === true,
    },
    // What is played back is compared where that is asked for; what is launched, with the run before it.
    ...comparedWith(flags),
    ...(flags.explain && { explain: flags.explain }),
  };
}

/** What can be told wrong of the flags before anything else is done. */
function checkFlags(flags: RunFlags): void {
  const refuse = (what: string, hint: string): never => {
    throw new HarnessError({ code: 'USAGE', what, where: 'snp-conform run', hint });
  };
  if (flags.out === '') refuse('--out is empty', 'name a folder, or leave --out away for reports/');
  if (flags.keepGoing && flags.replay === undefined) {
    refuse('--keep-going is about a recording', 'name one with --replay; hosts that are out never hold up a run');
  }
  if (flags.config !== undefined && !existsSync(flags.config)) {
    refuse(`--config: there is no ${flags.config}`, 'snp-conform init writes one into an empty folder');
  }
  const launches = flags.replay === undefined && flags.resume === undefined;
  for (const file of launches ? [flags.hosts, flags.matrix] : []) {
    if (!existsSync(file)) {
      refuse(
        `there is no ${file}`,
        'snp-conform init writes a first one; --hosts and --matrix name others, and --replay needs none',
      );
    }
  }
  if (flags.record !== undefined) makeFolder(dirname(resolve(flags.record)), '--record');
  try {
    new RegExp(flags.grep ?? '');
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    refuse(`--grep: ${what}`, 'it is a regular expression; put a backslash before a bracket that is meant as such');
  }
}

function resumeCommand({ source, runDirectory }: Plan): string {
  return source.kind === 'hosts' ? `snp-conform run --resume ${shellWord(runDirectory)}` : 'the same command';
}

/** The plan with what it is a part of, where it is one or may become one. */
async function withPart(plan: Plan, { config }: RunFlags, cacheFolder: string): Promise<Plan> {
  const isCut = plan.shard !== undefined || plan.hosts !== undefined || plan.blobFile !== undefined;
  // What is gone on with stays what it was; hosts that are left out now may have been done before.
  const isDecided = plan.part !== undefined || (plan.resumed === true && plan.shard === undefined);
  if (isDecided || !isCut) return plan;
  return { ...plan, part: await partOfRun(plan, { cacheFolder, suites: config === undefined ? 'packaged' : 'own' }) };
}

async function run(flags: RunFlags): Promise<void> {
  checkFlags(flags);
  // Loaded only where it is asked for: certificates take a while to load.
  if (flags.kds !== undefined) (await import('../attestation/kds.ts')).kdsBase(flags.kds);
  const plan = planOf(flags);
  await withRunLock(plan, () => runPlan(plan, flags));
}

async function runPlan(asked: Plan, flags: RunFlags): Promise<void> {
  await clearReports(asked);
  const loaded = loadPlan(asked);
  const { source } = loaded;
  if (source.kind === 'hosts') checkEmulation(source.entries);
  else warnOfDamage(source.recording);
  // What the files say wrong is said before anything is launched.
  const cacheFolder = cacheDirectory(process.env, homedir());
  await checkPredictions(loaded, cacheFolder);
  const plan = await withPart(asked, flags, cacheFolder);
  if (plan.resumed) await rm(join(plan.runDirectory, SUMMARY_FILE), { force: true });
  else await beginRun(plan);
  const config = flags.config === undefined ? configPath() : resolve(flags.config);
  const { args, env } = runnerCommand(plan, config);
  const { interrupted } = await runRunner(plan, [...args, ...runnerFilters(plan)], env);
  if (interrupted && !existsSync(join(plan.runDirectory, SUMMARY_FILE))) {
    process.stderr.write(`interrupted before its first cell began; go on with: ${resumeCommand(plan)}\n`);
    process.exitCode = EXIT_CODES.infrastructure;
    return;
  }
  const summary = readSummary(plan);
  if (foundNoTests(summary.troubles)) throw await nothingLeft(plan, config, loaded.cells.length);
  if (flags.record !== undefined) {
    const { runDirectory, part } = plan;
    const cells = await recordRun(runDirectory, resolve(flags.record), { now: new Date(), part });
    process.stdout.write(`recorded ${cells} cells in ${flags.record}\n`);
  }
  const isDamaged = source.kind === 'replay' && source.recording.damages.length > 0;
  // What is whole may all hold: the recording that was named does not.
  process.exitCode = exitCodeOf(summary, plan) || (isDamaged ? EXIT_CODES.configuration : EXIT_CODES.ok);
}

function attemptsOf(text: string): number {
  const attempts = parseCount(text, '--kds-attempts', 'USAGE');
  if (attempts >= 1 && attempts <= ATTEMPTS_MAX) return attempts;
  throw new HarnessError({
    code: 'USAGE',
    what: `expected 1 to ${ATTEMPTS_MAX}, got ${attempts}`,
    where: '--kds-attempts',
  });
}

/** @throws HarnessError USAGE for what is no part of a whole */
function shardOf(text: string): string {
  const [, part, whole] = /^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? [];
  if (part !== undefined && Number(part) <= Number(whole)) return text;
  throw new HarnessError({ code: 'USAGE', what: `expected a part such as 2/5, got ${text}`, where: '--shard' });
}

/** `snp-conform run`: a matrix on hosts, or a recording played back. */
export function runCommand(): Command {
  return new Command('run')
    .option('--hosts <file>', 'the hosts', 'hosts.json')
    .option('--matrix <file>', 'the matrix', 'matrix.json')
    .addOption(
      new Option('--replay <file>', 'play a recording back: no host, no QEMU, predictions made anew').conflicts([
        'hosts',
        'matrix',
        'reference',
      ]),
    )
    .addOption(
      new Option(
        '--resume <folder>',
        'go on with a run: only what is missing, or failed for the lab, is launched',
      ).conflicts(['hosts', 'matrix', 'reference', 'replay', 'out']),
    )
    .option('--config <file>', "a configuration made by defineConfig: suites of one's own in place of the package's")
    .option('--keep-going', 'where the recording is damaged, play back what is whole of it')
    .option('--record <file>', 'keep the evidence of the run as one file')
    .option('--reference <file>', 'published launch digests, from `predict --matrix`: the ID blocks carry these')
    .option('--compare-with <run>', 'a run or recording to show the results beside; by default the run before')
    .option('--host <name...>', 'only these hosts')
    .addOption(
      new Option('--suite <name...>', 'these suites; by default launch, of a recording all that it holds').choices(
        SUITES,
      ),
    )
    .addOption(
      new Option(
        '--explain <how>',
        'how far to go to explain a digest that differs: a launch without ID block (report), then launches that ask the ' +
          'firmware (oracle); default: as the matrix says, else report',
      ).choices(EXPLAIN_MODES),
    )
    .option(
      '--kds <url>',
      "the key distribution service, or a mirror of it; by default AMD's, on emulated hosts the emulated one",
    )
    .option('--kds-attempts <count>', 'how often the service is asked for one thing (default: 5)', attemptsOf)
    .option('--offline', 'ask no key distribution service; what was fetched before is used')
    .option('--grep <regexp>', 'only the cells whose name matches')
    .addOption(
      new Option('--shard <part>', 'only this part of the cells, 2/5 for the second of five')
        .argParser(shardOf)
        .conflicts('resume'),
    )
    .addOption(new Option('--blob <file>', 'a blob report of this part, for merge-reports: a .zip').conflicts('resume'))
    .option('--out <folder>', 'where the run and its reports go', 'reports')
    .addHelpText('after', EXAMPLES)
    .action((flags: RunFlags) => run(flags));
}
