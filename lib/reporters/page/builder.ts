import type { CellFile } from '../../evidence/schema.ts';
import type { LaunchInputs } from '../../measure/inputs.ts';
import { plainText } from '../plain-text.ts';
import { evidenceLabel, type ResultRow } from '../row.ts';
import { AxisCollector, COLLATOR } from './axes.ts';
import { Ledgers } from './ledger-rows.ts';
import {
  type CellDetail,
  type LedgerRow,
  PAGE_FORMAT,
  type PageCell,
  type PageEarlierRun,
  type PageIndex,
  RESULT_LETTERS,
} from './model.ts';
import { packed, ValuePool } from './value-pool.ts';

/** What a guest or QEMU wrote is shown up to this many characters, from its end: that is where things went wrong. */
const LOG_CHARACTERS = 256 * 1024;

/** What is known of the run as a whole. */
export interface PageRun {
  title: string;
  tool: string;
  recorded: boolean;
  madeAt: Date;
  troubles: readonly string[];
}

/** What names a row from run to run. */
export interface PageRowName {
  suite: string;
  host: string;
  id: string;
}

/** What other runs say of the rows of this one. */
export interface PageContext {
  /** Columns by row; a change is any JSON, null where nothing changed. */
  earlier: (Omit<PageEarlierRun, 'changes'> & { changes: unknown[] }) | null;
  history: PageIndex['history'];
}

const NO_CONTEXT: PageContext = { earlier: null, history: { titles: [], results: [] } };

/** The run as it is embedded in the page. */
export interface PageData {
  /** Base64 of the raw deflate of the index. */
  index: string;
  /** The same of each chunk of values, stream by stream. */
  chunks: string[][];
}

/** Numbers texts as they come. */
class Texts {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.all.length);
    return this.all.push(text) - 1;
  }
}

type Check = CellFile['verdict']['checks'][number];

/** The end of a long text, and how much went before it. */
function tail(text: string): string {
  if (text.length <= LOG_CHARACTERS) return text;
  return `[${text.length - LOG_CHARACTERS} characters before this]\n${text.slice(-LOG_CHARACTERS)}`;
}

/** A check without what its story does not tell: what holds was observed as it was expected. */
function toldCheck(check: Check): Check {
  return check.status === 'fail' ? check : { ...check, expected: null, observed: null };
}

function pageCell(cell: CellFile): PageCell {
  const { evidence, verdict } = cell;
  const { argv, guestPolicy } = evidence.sent;
  const sent = { argv, ...(guestPolicy !== undefined && { guestPolicy }) };
  // The second report is the first with another nonce and signature, or else a check says so: the cell's file has it.
  const { secondReport: _report, ...outcome } = evidence.outcome;
  const logs = { stderr: tail(outcome.stderr), console: tail(outcome.console) };
  return {
    ...cell,
    evidence: { ...evidence, sent, outcome: { ...outcome, ...logs, report: null } },
    verdict: { ...verdict, checks: verdict.checks.map(toldCheck) },
  };
}

const clean = (text: string): string => plainText(text, Number.POSITIVE_INFINITY);

/** Makes the data of the page row by row; what was added is kept packed. */
export class PageBuilder {
  readonly #run: PageRun;
  readonly #inputsOf: (cell: CellFile) => LaunchInputs | undefined;
  readonly #pool = new ValuePool(clean);
  readonly #ledgers = new Ledgers();
  readonly #axes = new AxisCollector();
  readonly #suites = new Texts();
  readonly #messages = new Texts();
  readonly #digests = new Texts();
  readonly #labels = new Texts();
  #startedAt: string | null = null;
  readonly #letters: string[] = [];
  readonly #names: PageRowName[] = [];
  readonly #rows: Omit<PageIndex['rows'], 'results'> = {
    suite: [],
    id: [],
    durationMs: [],
    message: [],
    predicted: [],
    observed: [],
    detail: [],
    label: [],
  };

  /** @param inputsOf what a cell's prediction is made from, for its ledger; undefined where that cannot be told */
  constructor(run: PageRun, inputsOf: (cell: CellFile) => LaunchInputs | undefined) {
    this.#run = run;
    this.#inputsOf = inputsOf;
  }

  add(row: ResultRow): void {
    const { cell } = row;
    const rows = this.#rows;
    this.#names.push({ suite: row.suite, host: row.host, id: row.name });
    this.#axes.add(row);
    this.#letters.push(RESULT_LETTERS[row.result]);
    rows.suite.push(this.#suites.number(clean(row.suite)));
    rows.id.push(clean(row.name));
    rows.durationMs.push(Math.round(row.durationMs));
    rows.message.push(row.message === '' ? -1 : this.#messages.number(clean(row.message)));
    const observed = observedDigest(cell);
    rows.predicted.push(cell === undefined ? -1 : this.#digests.number(cell.predicted));
    rows.observed.push(observed === null || observed === cell?.predicted ? -1 : this.#digests.number(observed));
    const label = cell && evidenceLabel(cell.evidence.kind, this.#run.recorded);
    rows.label.push(label === undefined ? -1 : this.#labels.number(label));
    rows.detail.push(cell === undefined ? -1 : this.#pool.add(this.#detail(cell, observed)));
    const started = cell?.evidence.startedAt;
    if (started !== undefined && (this.#startedAt === null || started < this.#startedAt)) this.#startedAt = started;
  }

  #detail(cell: CellFile, observed: string | null): CellDetail {
    const inputs = this.#inputsOf(cell);
    const ledger: LedgerRow[] = inputs === undefined ? [] : this.#ledgers.rows(inputs, cell.evidence);
    return { cell: pageCell(cell), observed, ledger, report: cell.evidence.outcome.report };
  }

  /** The places of the rows in an order that does not depend on which ended first. */
  #order(): number[] {
    const { id, suite } = this.#rows;
    const host = this.#axes.column('host');
    const names = id.map((text, row) => [suite[row] ?? 0, host[row] ?? 0, text] as const);
    return id
      .map((_, row) => row)
      .sort((left, right) => {
        const [a, b] = [names[left], names[right]];
        if (a === undefined || b === undefined) return 0;
        return a[0] - b[0] || a[1] - b[1] || COLLATOR.compare(a[2], b[2]);
      });
  }

  /** All that was added. @param context what other runs say of the rows, asked for in the order of the page */
  end(context: (rows: readonly PageRowName[]) => PageContext = () => NO_CONTEXT): PageData {
    const order = this.#order();
    const sorted = <T>(column: readonly T[]): T[] => order.map((row) => column[row] as T);
    const axes = this.#axes.end(clean).map((axis) => ({ ...axis, of: sorted(axis.of) }));
    const { earlier, history } = context(order.map((row) => this.#names[row] as PageRowName));
    const changes = earlier?.changes.map((change) => (change === null ? -1 : this.#pool.add(change)));
    const { chunks, starts } = this.#pool.end();
    const { title, tool, madeAt, troubles } = this.#run;
    const index: PageIndex = {
      format: PAGE_FORMAT,
      title: clean(title),
      labels: this.#labels.all,
      tool: clean(tool),
      madeAt: madeAt.toISOString(),
      startedAt: this.#startedAt,
      troubles: troubles.map(clean),
      rows: {
        suite: sorted(this.#rows.suite),
        id: sorted(this.#rows.id),
        results: sorted(this.#letters).join(''),
        durationMs: sorted(this.#rows.durationMs),
        message: sorted(this.#rows.message),
        predicted: sorted(this.#rows.predicted),
        observed: sorted(this.#rows.observed),
        detail: sorted(this.#rows.detail),
        label: sorted(this.#rows.label),
      },
      suites: this.#suites.all,
      messages: this.#messages.all,
      digests: this.#digests.all,
      axes,
      earlier: earlier && { ...earlier, title: clean(earlier.title), changes: changes ?? [] },
      history,
      chunkStarts: starts,
    };
    return { index: packed(JSON.stringify(index)), chunks };
  }
}

/** The digest that the guest's report carries; null where there is no report. */
function observedDigest(cell: CellFile | undefined): string | null {
  return cell?.verdict.checks.find(({ name }) => name === 'report-measurement')?.observed ?? null;
}
