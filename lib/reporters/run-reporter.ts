import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  FullConfig,
  FullResult,
  Reporter,
  Suite,
  TestCase,
  TestError,
  TestResult,
} from '@playwright/test/reporter';
import { asHarnessError, kindOfMessage } from '../errors.ts';
import { type WrittenCell, writeCell } from '../evidence/cell-codec.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { sealFile } from '../evidence/manifest.ts';
import type { Whole } from '../evidence/parts.ts';
import type { ResultKind } from '../evidence/results.ts';
import { RESULTS_FILE } from '../evidence/run-directory.ts';
import { type CellFile, cellFileSchema } from '../evidence/schema.ts';
import { shellWord } from '../host/quote.ts';
import { launchProcesses } from '../runner/ahead/launch-processes.ts';
import type { Told } from '../runner/ahead/messages.ts';
import { announcedLaunch, CELL_ATTACHMENT, REPLAY_CHANGE_ANNOTATION, TOOK_ANNOTATION } from '../runner/annotations.ts';
import { cellIdOfTitle } from '../runner/cells.ts';
import { readHostReport } from '../runner/host-reports.ts';
import { type PlannedTest, plannedTests } from '../runner/part-of-run.ts';
import { type HostedCell, loadPlan, PLAN_VARIABLE, type Plan } from '../runner/plan.ts';
import { SUITES } from '../runner/suite-names.ts';
import { SUMMARY_FILE, type Summary } from '../runner/summary.ts';
import { foundNoTests, testLine } from '../runner/test-list.ts';
import { explainedLines } from './explained-lines.ts';
import { MergedParts } from './merged-parts.ts';
import { plainText } from './plain-text.ts';
import { Progress, type Running } from './progress.ts';
import { type ResultRow, totalsText } from './row.ts';
import { RunReports } from './run-reports.ts';
import { skippedLines } from './skipped-lines.ts';
import { suiteName } from './suite-name.ts';
import { summaryTable } from './table.ts';

/** How often this process looks whether the command line that started it still lives. */
const PARENT_CHECK_MS = 500;

/** Turns what Playwright tells into rows, progress, a table, JUnit and a summary. */
export default class RunReporter implements Reporter {
  readonly #plan: Plan;
  readonly #troubles: string[] = [];
  /** Only what would run is asked for: nothing is written, so that the reports of the last run stay. */
  readonly #listing: boolean;
  #progress: Progress | undefined;
  readonly #reports: RunReports;
  readonly #planned: ReadonlyMap<string, WrittenCell>;
  #tests: TestCase[] = [];
  readonly #ended = new Set<string>();
  /** Cells that ran when the user ended the run. */
  #cutOff = 0;
  /** Cells that are played back and come out otherwise than when they were recorded. */
  readonly #changed: string[] = [];
  /** The parts of a run that become one; undefined where it runs here. */
  readonly #parts: MergedParts | undefined;

  /**
   * @param options.cells what is to run   @param options._mode Playwright's own word for what it is doing: `test`, `list`
   * or `merge`
   */
  constructor(options: { plan: Plan; cells?: readonly HostedCell[]; _mode?: string }) {
    this.#plan = options.plan;
    this.#planned = new Map((options.cells ?? []).map(({ cell }) => [cell.id, writeCell(cell)]));
    this.#listing = options._mode === 'list';
    this.#parts = options._mode === 'merge' ? new MergedParts(options.plan.runDirectory) : undefined;
    this.#reports = new RunReports(options.plan, this.#troubles);
    const parent = process.ppid;
    // A command line that was killed outright cannot stop its runner; a runner without one has no purpose.
    setInterval(() => {
      if (process.ppid !== parent) process.exit(1);
    }, PARENT_CHECK_MS).unref();
  }

  printsToStdio(): boolean {
    return true;
  }

  onBegin(config: FullConfig, suite: Suite): void {
    const screen = {
      write: (text: string) => void process.stderr.write(text),
      isTerminal: process.stderr.isTTY === true && process.env.CI === undefined,
      isQuiet: process.env.CI !== undefined,
      columns: process.stderr.columns ?? 80,
      now: () => performance.now(),
    };
    this.#tests = suite.allTests();
    if (this.#listing) {
      process.stdout.write(this.#tests.map((test) => testLine(test.parent.project()?.name ?? '', test.title)).join(''));
      return;
    }
    // Results are added as they come, whoever started the runner.
    mkdirSync(this.#plan.runDirectory, { recursive: true });
    if (this.#parts !== undefined)
      this.#troubles.push(...this.#parts.begin(config, this.#tests, (choice) => plannedFor(this.#plan, choice)));
    if (this.#reports.recorded && this.#tests.length > 0)
      screen.write(`replaying ${this.#tests.length} recorded cells; no guest is launched\n`);
    this.#progress = new Progress(screen, this.#tests.length, launchedOn(this.#plan, this.#tests));
  }

  onError(error: TestError): void {
    this.#troubles.push(plainText(error.message ?? String(error.value)));
  }

  onTestBegin(test: TestCase): void {
    this.#progress?.begin(test.parent.project()?.name ?? '');
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const row = { ...rowOf(test, result), planned: this.#planned.get(cellIdOfTitle(test.title)) };
    this.#ended.add(test.id);
    if (result.status === 'interrupted') this.#cutOff++;
    const change = result.annotations.find(({ type }) => type === REPLAY_CHANGE_ANNOTATION)?.description;
    if (change !== undefined)
      this.#changed.push(`${plainText(`${row.host} ${row.name}`, 400)}: ${plainText(change, 400)}`);
    this.#reports.add(row);
    if (row.cell !== undefined) this.#parts?.note(cellFileOf(result), row.cell);
    // A host that is out is told once, with the reason, and not for each of its cells.
    if (result.status === 'skipped') this.#progress?.addTold(row);
    else this.#progress?.add(row);
  }

  /** @param notRun tests that never began, though what they announced may have been launched */
  #interruptedLines(notRun: readonly TestCase[]): string[] {
    const { runDirectory, source } = this.#plan;
    const goOn = source.kind === 'hosts' ? `; go on with: snp-conform run --resume ${shellWord(runDirectory)}` : '';
    const ahead = notRun.map(launchedAhead).filter((told) => told !== null);
    const kept = ahead.filter(({ error }) => error === null).length;
    const cutOff = this.#cutOff + ahead.length - kept;
    if (this.#tests.length === 0) return [`interrupted before its cells were chosen${goOn}`];
    const said = `of ${this.#tests.length} cells ${cutOff} were cut off and ${notRun.length - ahead.length} never began`;
    const before = kept === 0 ? [] : [`launched, and their tests never began: ${kept} cells; what they left is kept`];
    return [...before, `interrupted: ${said}${goOn}`];
  }

  get #isEmptyPart(): boolean {
    return this.#plan.shard !== undefined && this.#tests.length === 0 && this.#troubles.length === 0;
  }

  async onEnd(result: FullResult): Promise<void> {
    this.#progress?.end();
    await this.#parts?.keep();
    if (this.#listing) {
      process.stdout.write([...this.#troubles, `${this.#tests.length} cells`].map((line) => `${line}\n`).join(''));
      return;
    }
    const { runDirectory } = this.#plan;
    const writeSummary = (totals: Summary['totals']): void => {
      const summary: Summary = { status: result.status, totals, troubles: this.#troubles };
      writeWhole(join(runDirectory, SUMMARY_FILE), `${JSON.stringify(summary, null, 1)}\n`);
    };
    // The command line that started the runner says what there is to choose from: reports of nothing would not help.
    if (foundNoTests(this.#troubles) && process.env[PLAN_VARIABLE] !== undefined) {
      writeSummary(this.#reports.totals);
      return;
    }
    const why = result.status === 'interrupted' ? 'not run: the run was interrupted' : 'not run';
    const notRun = this.#tests.filter((test) => !this.#ended.has(test.id));
    for (const test of notRun)
      this.#reports.add({ ...notRunRow(test, why), planned: this.#planned.get(cellIdOfTitle(test.title)) });
    for (const { suite, host, name } of this.#parts?.lost ?? [])
      this.#reports.add({ ...lostRow({ suite, host, name }), planned: this.#planned.get(cellIdOfTitle(name)) });
    const { rows, totals, labels, planted } = this.#reports;
    // A part without a cell is a part: whoever merges or records finds that it was run.
    if (this.#isEmptyPart) writeFileSync(join(runDirectory, RESULTS_FILE), '', { flag: 'a' });
    if (existsSync(join(runDirectory, RESULTS_FILE))) sealFile(runDirectory, RESULTS_FILE);
    const { junit, page } = await this.#reports.write(process.env);
    writeSummary(totals);
    const lines = [
      '',
      ...summaryTable(rows),
      '',
      ...explainedLines(rows),
      ...skippedLines(rows),
      ...this.#troubles.map((trouble) => `trouble: ${trouble}`),
      ...[...planted].map(([host, faults]) => `faults are planted on ${host}: ${faults}`),
      ...changedLines(this.#changed, rows.length),
      `evidence: ${[...labels].join(', ') || 'none'}; kept in ${runDirectory}`,
      `JUnit: ${junit}`,
      `page: ${page}`,
      ...(result.status === 'interrupted' ? this.#interruptedLines(notRun) : []),
      ...(this.#isEmptyPart ? [`no cell falls to part ${this.#plan.shard}: there are fewer of them than parts`] : []),
      totalsText(totals),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

/** How many launches run on each host that are made ahead of their tests. */
function launchedOn({ runDirectory }: Plan, tests: readonly TestCase[]): () => Running {
  const slots = new Map<string, number>();
  return () => {
    const processes = launchProcesses();
    if (processes === undefined) return slots;
    if (slots.size === 0) {
      for (const host of new Set(tests.map((test) => test.parent.project()?.name ?? '')))
        slots.set(host, readHostReport(runDirectory, host)?.slots.usable ?? 1);
    }
    const running = [...slots].map(([host, count]) => [host, Math.min(count, processes.underWay(host))] as const);
    return new Map(running.filter(([, count]) => count > 0));
  };
}

/** What came of the launch of a test that never began; null: it was not made. */
function launchedAhead({ parent, annotations }: TestCase): Told | null {
  const launch = announcedLaunch(annotations);
  return (launch && launchProcesses()?.untaken(parent.project()?.name ?? '', launch)) || null;
}

function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

/** So many changed cells are named; the others are counted. */
const CHANGED_NAMED = 20;

function changedLines(changed: readonly string[], of: number): string[] {
  if (changed.length === 0) return [];
  return [
    `${changed.length} of ${of} cells differ from when they were recorded:`,
    ...changed.slice(0, CHANGED_NAMED).map((line) => `  ${line}`),
    ...(changed.length > CHANGED_NAMED ? [`  and ${changed.length - CHANGED_NAMED} more`] : []),
  ];
}

function resultKind(result: TestResult, message: string): ResultKind {
  if (result.status === 'passed') return 'pass';
  // What a host is out for is an error, though its cells are never begun; what it cannot do is a reason to skip them.
  if (result.status === 'skipped') {
    const kind = kindOfMessage(message);
    return kind === 'infrastructure' || kind === 'configuration' ? kind : 'skip';
  }
  // What was cut off by the user's own hand says nothing, of the lab either.
  if (result.status === 'interrupted') return 'skip';
  if (result.status === 'timedOut') return 'infrastructure';
  // An expectation of a suite that names no code of ours is still one about the thing under test.
  const kind = kindOfMessage(message) ?? (/^expect[.(]/m.test(message) ? 'failure' : 'infrastructure');
  return kind === 'failure' ? 'fail' : kind;
}

/** What a launch took counts, whether its test waited for it or it was made before. */
function durationOf({ duration, annotations }: TestResult): number {
  const took = Number(annotations.find(({ type }) => type === TOOK_ANNOTATION)?.description ?? 0);
  return Math.max(duration, Number.isFinite(took) ? took : 0);
}

/** What a test says that was declared to fail: failing is its duty then. Undefined: it was not, or something else happened. */
function declaredToFail(
  { expectedStatus }: TestCase,
  { status }: TestResult,
): Pick<ResultRow, 'result' | 'message'> | undefined {
  if (expectedStatus !== 'failed') return undefined;
  if (status === 'failed') return { result: 'pass', message: '' };
  return status === 'passed' ? { result: 'fail', message: 'declared by test.fail to fail, and passed' } : undefined;
}

function rowOf(test: TestCase, result: TestResult): ResultRow {
  const texts = result.errors.map((error) =>
    plainText(error.message ?? String(error.value)).replace(/^(?:Error|HarnessError): /, ''),
  );
  const skipReason = result.annotations.find((annotation) => annotation.type === 'skip')?.description;
  const said = result.status === 'skipped' ? (skipReason ?? 'not run') : texts.join('\n');
  const message = result.status === 'interrupted' ? 'interrupted before it ended' : said;
  const kept = keptCell(result);
  const unkept = typeof kept === 'string';
  return {
    suite: suiteName(test),
    host: test.parent.project()?.name ?? '',
    name: plainText(test.title),
    // Without its evidence a pass is only a claim.
    result: unkept && result.status === 'passed' ? 'infrastructure' : resultKind(result, message),
    durationMs: durationOf(result),
    message: unkept ? [message, kept].filter((text) => text !== '').join('\n') : message,
    cell: unkept ? undefined : kept,
    planned: undefined,
    ...declaredToFail(test, result),
  };
}

/** The row of a test that never began: a consumer must not miss it. */
function notRunRow(test: TestCase, why: string): ResultRow {
  const host = test.parent.project()?.name ?? '';
  return { ...lostRow({ suite: suiteName(test), host, name: plainText(test.title) }), message: why };
}

/** The row of a cell that no part of the run has. */
function lostRow(test: Pick<ResultRow, 'suite' | 'host' | 'name'>): ResultRow {
  const message = 'not run: it is in no part of the run';
  return { ...test, result: 'skip', durationMs: 0, message, cell: undefined, planned: undefined };
}

/** The tests that the files of a merge plan for the parts that chose so. */
function plannedFor(plan: Plan, { suites, grep }: Pick<Whole, 'suites' | 'grep'>): PlannedTest[] {
  const chosen = SUITES.filter((suite) => suites.includes(suite));
  return plannedTests(loadPlan({ ...plan, suites: chosen, ...(grep !== undefined && { grep }) }));
}

/** The file of what the test left: in the run directory, or unpacked from a blob report. */
function cellFileOf({ attachments }: TestResult): string | undefined {
  return attachments.find(({ name }) => name === CELL_ATTACHMENT)?.path;
}

/** What the test left; undefined where it left nothing, words where that cannot be read. */
function keptCell(result: TestResult): CellFile | string | undefined {
  const file = cellFileOf(result);
  if (file === undefined) return undefined;
  try {
    return readJsonFile(file, cellFileSchema, 'EVIDENCE_INVALID');
  } catch (thrown) {
    return plainText(asHarnessError(thrown, { code: 'EVIDENCE_INVALID', where: file }).message);
  }
}
