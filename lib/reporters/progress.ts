import { withoutCommands } from './github.ts';
import { plainText } from './plain-text.ts';
import { type ResultRow, type Totals, totalsOf, totalsText } from './row.ts';

/** On a terminal the line is rewritten at most this often. */
const REWRITE_MS = 100;
/** In a log a line is written this often; where nobody watches it, more rarely. */
const LOG_MS = 15_000;
const QUIET_LOG_MS = 120_000;

/** Where progress goes, and what it may do there. */
export interface Screen {
  write(text: string): void;
  isTerminal: boolean;
  /** A log that is read when all is over: of a build server. */
  isQuiet: boolean;
  columns: number;
  now(): number;
}

/** How many cells run on each host. */
export type Running = ReadonlyMap<string, number>;

/** The counts of a run while it runs; each trouble is told as it comes. */
export class Progress {
  readonly #screen: Screen;
  readonly #total: number;
  /** Only results: what cells left is not held for a count. */
  readonly #rows: Pick<ResultRow, 'result'>[] = [];
  readonly #begun = new Map<string, number>();
  readonly #launched: () => Running;
  readonly #startedAt: number;
  #shownAt: number;

  /** @param launched what runs ahead of the tests that have begun */
  constructor(screen: Screen, total: number, launched: () => Running = () => new Map()) {
    this.#screen = screen;
    this.#launched = launched;
    this.#total = total;
    this.#startedAt = screen.now();
    this.#shownAt = this.#startedAt;
  }

  #clear(): void {
    if (this.#screen.isTerminal) this.#screen.write('\r\u001b[K');
  }

  #running(): Running {
    const running = new Map(this.#begun);
    for (const [host, count] of this.#launched()) running.set(host, Math.max(count, running.get(host) ?? 0));
    return running;
  }

  #left(): string {
    const done = this.#rows.length;
    // Before as many are done as run at once, the time of one says nothing about that of the others.
    const atOnce = [...this.#running().values()].reduce((sum, count) => sum + count, 0);
    if (done === 0 || done < atOnce) return '';
    const seconds = (((this.#screen.now() - this.#startedAt) / done) * (this.#total - done)) / 1000;
    return seconds < 1 ? '' : `, about ${Math.round(seconds)} s left`;
  }

  /** How many cells run on which host. */
  #hosts(): string {
    const running = [...this.#running()].sort().map(([host, count]) => `${host} ${count}`);
    return running.length === 0 ? '' : `; running: ${running.join(', ')}`;
  }

  #show(): void {
    const totals: Totals = totalsOf(this.#rows);
    const line = `${this.#rows.length} of ${this.#total} cells: ${totalsText(totals)}${this.#left()}${this.#hosts()}`;
    this.#shownAt = this.#screen.now();
    if (this.#screen.isTerminal) this.#screen.write(`\r\u001b[K${line.slice(0, this.#screen.columns - 1)}`);
    else this.#screen.write(`${line}\n`);
  }

  /** Counts a row whose trouble was told before, for all rows of its host at once. */
  addTold(row: ResultRow): void {
    this.#end(row);
    this.#showSometimes();
  }

  /** A cell begins on a host. */
  begin(host: string): void {
    this.#begun.set(host, (this.#begun.get(host) ?? 0) + 1);
  }

  #end({ host, result }: ResultRow): void {
    this.#rows.push({ result });
    const left = (this.#begun.get(host) ?? 1) - 1;
    if (left > 0) this.#begun.set(host, left);
    else this.#begun.delete(host);
  }

  add(row: ResultRow): void {
    this.#end(row);
    if (row.result !== 'pass' && row.result !== 'skip') {
      this.#clear();
      const message = plainText(row.message, 4000).split('\n').join('\n    ');
      this.#screen.write(withoutCommands(`${row.result.toUpperCase()} ${row.host} ${row.name}\n    ${message}\n`));
    }
    this.#showSometimes();
  }

  #showSometimes(): void {
    const { isTerminal, isQuiet } = this.#screen;
    const everyMs = isTerminal ? REWRITE_MS : isQuiet ? QUIET_LOG_MS : LOG_MS;
    if (this.#screen.now() - this.#shownAt >= everyMs) this.#show();
  }

  end(): void {
    this.#clear();
  }
}
