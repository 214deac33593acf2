import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
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
import { readJsonFile } from '../evidence/json-file.ts';
import { type CellFile, cellFileSchema } from '../evidence/schema.ts';
import { CELL_FILE_ANNOTATION } from '../runner/annotations.ts';
import type { Plan } from '../runner/plan.ts';
import { SUMMARY_FILE, type Summary } from '../runner/summary.ts';
import { junitXml } from './junit.ts';
import { plainText } from './plain-text.ts';
import { Progress } from './progress.ts';
import { evidenceLabel, type ResultKind, type ResultRow, totalsOf, totalsText } from './row.ts';
import { summaryTable } from './table.ts';

/** How often this process looks whether the command line that started it still lives. */
const PARENT_CHECK_MS = 500;

/** Turns what Playwright tells into rows, progress, a table, JUnit and a summary. */
export default class RunReporter implements Reporter {
  readonly #plan: Plan;
  readonly #rows: ResultRow[] = [];
  readonly #troubles: string[] = [];
  /** Only what would run is asked for: nothing is written, so that the reports of the last run stay. */
  readonly #listing: boolean;
  #progress: Progress | undefined;
  #total = 0;

  /** @param options._mode Playwright's own word for what it is doing: `test`, `list` or `merge` */
  constructor(options: { plan: Plan; _mode?: string }) {
    this.#plan = options.plan;
    this.#listing = options._mode === 'list';
    const parent = process.ppid;
    // A command line that was killed outright cannot stop its runner; a runner without one has no purpose.
    setInterval(() => {
      if (process.ppid !== parent) process.exit(1);
    }, PARENT_CHECK_MS).unref();
  }

  printsToStdio(): boolean {
    return true;
  }

  onBegin(_config: FullConfig, suite: Suite): void {
    const screen = {
      write: (text: string) => void process.stderr.write(text),
      isTerminal: process.stderr.isTTY === true && process.env.CI === undefined,
      columns: process.stderr.columns ?? 80,
      now: () => performance.now(),
    };
    const tests = suite.allTests();
    this.#total = tests.length;
    if (this.#listing) {
      process.stdout.write(tests.map((test) => `${test.parent.project()?.name ?? ''}  ${test.title}\n`).join(''));
      return;
    }
    if (this.#recorded) screen.write(`replaying ${this.#total} recorded cells; no guest is launched\n`);
    this.#progress = new Progress(screen, this.#total);
  }

  get #recorded(): boolean {
    return this.#plan.source.kind === 'replay';
  }

  onError(error: TestError): void {
    this.#troubles.push(plainText(error.message ?? String(error.value)));
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const row = rowOf(test, result);
    this.#rows.push(row);
    this.#progress?.add(row);
  }

  onEnd(result: FullResult): void {
    this.#progress?.end();
    if (this.#listing) {
      process.stdout.write([...this.#troubles, `${this.#total} cells`].map((line) => `${line}\n`).join(''));
      return;
    }
    const { runDirectory, reportsDirectory } = this.#plan;
    mkdirSync(reportsDirectory, { recursive: true });
    mkdirSync(runDirectory, { recursive: true });
    const totals = totalsOf(this.#rows);
    const junit = join(reportsDirectory, 'junit.xml');
    writeWhole(junit, junitXml(this.#rows, this.#recorded));
    const summary: Summary = { status: result.status, totals, troubles: this.#troubles };
    writeWhole(join(runDirectory, SUMMARY_FILE), `${JSON.stringify(summary, null, 1)}\n`);
    const labels = new Set(
      this.#rows.flatMap((row) =>
        row.cell === undefined ? [] : [evidenceLabel(row.cell.evidence.kind, this.#recorded)],
      ),
    );
    const lines = [
      '',
      ...summaryTable(this.#rows),
      '',
      ...this.#troubles.map((trouble) => `trouble: ${trouble}`),
      `evidence: ${[...labels].join(', ') || 'none'}; kept in ${runDirectory}`,
      `JUnit: ${junit}`,
      totalsText(totals) + (this.#rows.length < this.#total ? `, ${this.#total - this.#rows.length} not run` : ''),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

function resultKind(result: TestResult, message: string): ResultKind {
  if (result.status === 'passed') return 'pass';
  if (result.status === 'skipped') return 'skip';
  if (result.status === 'timedOut' || result.status === 'interrupted') return 'infrastructure';
  // An expectation of a suite that names no code of ours is still one about the thing under test.
  const kind = kindOfMessage(message) ?? (/^expect[.(]/m.test(message) ? 'failure' : 'infrastructure');
  return kind === 'failure' ? 'fail' : kind;
}

function rowOf(test: TestCase, result: TestResult): ResultRow {
  const texts = result.errors.map((error) =>
    plainText(error.message ?? String(error.value)).replace(/^(?:Error|HarnessError): /, ''),
  );
  const skipReason = result.annotations.find((annotation) => annotation.type === 'skip')?.description;
  const message = result.status === 'skipped' ? (skipReason ?? 'not run') : texts.join('\n');
  const kept = keptCell(result);
  const unkept = typeof kept === 'string';
  return {
    suite: test.parent.project() === undefined ? 'launch' : suiteName(test),
    host: test.parent.project()?.name ?? '',
    name: plainText(test.title),
    // Without its evidence a pass is only a claim.
    result: unkept && result.status === 'passed' ? 'infrastructure' : resultKind(result, message),
    durationMs: result.duration,
    message: unkept ? [message, kept].filter((text) => text !== '').join('\n') : message,
    cell: unkept ? undefined : kept,
  };
}

/** What the test left in the run directory; undefined where it left nothing, words where that cannot be read. */
function keptCell({ annotations }: TestResult): CellFile | string | undefined {
  const file = annotations.find((annotation) => annotation.type === CELL_FILE_ANNOTATION)?.description;
  if (file === undefined) return undefined;
  try {
    return readJsonFile(file, cellFileSchema, 'EVIDENCE_INVALID');
  } catch (thrown) {
    return plainText(asHarnessError(thrown, { code: 'EVIDENCE_INVALID', where: file }).message);
  }
}

/** `launch` for suites/launch.spec.ts. */
function suiteName(test: TestCase): string {
  return /([^/\\]+)\.spec\.[jt]s$/.exec(test.location.file)?.[1] ?? 'launch';
}
