import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { factsOf, type RowFacts } from '../compare/facts.ts';
import { type Judged, launchOf, type Result } from '../evidence/results.ts';
import { appendResult } from '../evidence/run-directory.ts';
import { packageVersion } from '../runner/package-root.ts';
import type { Plan } from '../runner/plan.ts';
import { CTRF_FILE, JUNIT_FILE, MARKDOWN_FILE, PAGE_FILE } from '../runner/summary.ts';
import { type CtrfTest, ctrfJson, ctrfTest } from './ctrf.ts';
import type { ExplainedRow } from './explained-lines.ts';
import { annotations, writeStepSummary } from './github.ts';
import { JunitDocument } from './junit.ts';
import { type RowHead, runMarkdown } from './markdown.ts';
import { inputsOfCell, writeMatrixPage } from './matrix-page.ts';
import { PageBuilder } from './page/builder.ts';
import { pageContext, rowName } from './page/context.ts';
import { otherRuns } from './past-runs.ts';
import { evidenceLabel, plantedFaults, type ResultRow, type Totals, totalsOf } from './row.ts';

/** A row without what its cell left, with its time and what explains it. */
export type KeptRow = RowHead & Pick<ResultRow, 'durationMs'> & ExplainedRow;

/** The files that a run leaves for people and machines. */
export interface WrittenReports {
  junit: string;
  page: string;
}

/** The line of a row in the results of the run: under the name of its launch, whatever the title of its test. */
function resultOf({ suite, host, name, result, durationMs, message, planned, cell }: ResultRow): Result {
  const launch = cell === undefined ? { suite, id: name } : launchOf(cell.evidence);
  return { ...launch, host, result, durationMs, message, cell: planned ?? cell?.evidence.cell ?? null };
}

function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

/** Makes all reports of a run, row by row: what a cell left is in them, and is not held longer. */
export class RunReports {
  readonly #plan: Plan;
  readonly #troubles: string[];
  readonly #startedAt = new Date();
  readonly #tool = `snp-conform ${packageVersion()}`;
  readonly #page: PageBuilder;
  readonly #junit: JunitDocument;
  readonly #ctrf: CtrfTest[] = [];
  readonly #facts = new Map<string, RowFacts>();
  /** All rows, as they came. */
  readonly rows: KeptRow[] = [];
  /** What the evidence must be called. */
  readonly labels = new Set<string>();
  /** Defects that were planted in emulated hosts, by host. */
  readonly planted = new Map<string, string>();

  /** @param troubles outside of any test; what comes later is told too */
  constructor(plan: Plan, troubles: string[]) {
    this.#plan = plan;
    this.#troubles = troubles;
    this.#junit = new JunitDocument(this.recorded);
    const { source } = plan;
    const title = basename(source.kind === 'replay' ? source.recordingFile : source.matrixFile);
    const run = { title, tool: this.#tool, recorded: this.recorded, madeAt: this.#startedAt, troubles };
    this.#page = new PageBuilder(run, inputsOfCell);
  }

  /** Are the rows played back from a recording? */
  get recorded(): boolean {
    return this.#plan.source.kind === 'replay';
  }

  get totals(): Totals {
    return totalsOf(this.rows);
  }

  add(row: ResultRow): void {
    const { suite, host, name, result, message, durationMs, cell } = row;
    this.rows.push({ suite, host, name, result, message, durationMs, explanation: cell?.explanation });
    this.#page.add(row);
    this.#junit.add(row);
    this.#ctrf.push(ctrfTest(row, this.recorded));
    appendResult(this.#plan.runDirectory, resultOf(row));
    if (this.#plan.comparedWith !== undefined) this.#noteFacts(row);
    if (cell === undefined) return;
    this.labels.add(evidenceLabel(cell.evidence.kind, this.recorded));
    const faults = plantedFaults(cell);
    if (faults !== undefined) this.planted.set(host, faults);
  }

  /** Keeps what runs are compared by: little beside what the cell left. */
  #noteFacts(row: ResultRow): void {
    const { cell } = row;
    const { format: _, evidence = null, ...judged } = cell ?? {};
    const recorded = { ...resultOf(row), evidence, judged: cell === undefined ? null : (judged as Judged) };
    this.#facts.set(rowName({ suite: row.suite, host: row.host, id: row.name }), factsOf(recorded));
  }

  /** What the page is told of other runs. */
  #context(): Parameters<PageBuilder['end']>[0] {
    const { comparedWith, reportsDirectory } = this.#plan;
    if (comparedWith === undefined) return undefined;
    const { earlier, past, troubles } = otherRuns(reportsDirectory, comparedWith);
    this.#troubles.push(...troubles);
    return pageContext(this.#facts, earlier, past);
  }

  /** Writes the reports, and the summary and annotations of a step where this runs as one. */
  async write(environment: NodeJS.ProcessEnv): Promise<WrittenReports> {
    const { reportsDirectory } = this.#plan;
    mkdirSync(reportsDirectory, { recursive: true });
    const at = (name: string): string => join(reportsDirectory, name);
    writeWhole(at(JUNIT_FILE), this.#junit.end());
    const times = { tool: this.#tool, startedAt: this.#startedAt, endedAt: new Date() };
    writeWhole(at(CTRF_FILE), ctrfJson(this.#ctrf, this.totals, times));
    const markdown = runMarkdown(this.rows, [...this.labels]);
    writeWhole(at(MARKDOWN_FILE), markdown);
    await writeMatrixPage(at(PAGE_FILE), this.#page.end(this.#context()));
    writeStepSummary(markdown, environment);
    if (environment.GITHUB_ACTIONS === 'true') {
      process.stdout.write(
        annotations(this.rows)
          .map((line) => `${line}\n`)
          .join(''),
      );
    }
    return { junit: at(JUNIT_FILE), page: at(PAGE_FILE) };
  }
}
