import { plainText } from './plain-text.ts';
import { type ResultRow, type Totals, totalsOf, totalsText } from './row.ts';

/** On a terminal the line is rewritten at most this often. */
const REWRITE_MS = 100;
/** In a log a line is written this often. */
const LOG_MS = 15_000;

/** Where progress goes, and what it may do there. */
export interface Screen {
  write(text: string): void;
  isTerminal: boolean;
  columns: number;
  now(): number;
}

/** The counts of a run while it runs; each trouble is told as it comes. */
export class Progress {
  readonly #screen: Screen;
  readonly #total: number;
  readonly #rows: ResultRow[] = [];
  readonly #startedAt: number;
  #shownAt: number;

  constructor(screen: Screen, total: number) {
    this.#screen = screen;
    this.#total = total;
    this.#startedAt = screen.now();
    this.#shownAt = this.#startedAt;
  }

  #clear(): void {
    if (this.#screen.isTerminal) this.#screen.write('\r\u001b[K');
  }

  #left(): string {
    const done = this.#rows.length;
    if (done === 0) return '';
    const seconds = (((this.#screen.now() - this.#startedAt) / done) * (this.#total - done)) / 1000;
    return seconds < 1 ? '' : `, about ${Math.round(seconds)} s left`;
  }

  #show(): void {
    const totals: Totals = totalsOf(this.#rows);
    const line = `${this.#rows.length} of ${this.#total} cells: ${totalsText(totals)}${this.#left()}`;
    this.#shownAt = this.#screen.now();
    if (this.#screen.isTerminal) this.#screen.write(`\r\u001b[K${line.slice(0, this.#screen.columns - 1)}`);
    else this.#screen.write(`${line}\n`);
  }

  /** Counts a row whose trouble was told before, for all rows of its host at once. */
  addTold(row: ResultRow): void {
    this.#rows.push(row);
    this.#showSometimes();
  }

  add(row: ResultRow): void {
    this.#rows.push(row);
    if (row.result !== 'pass' && row.result !== 'skip') {
      this.#clear();
      const message = plainText(row.message, 4000).split('\n').join('\n    ');
      this.#screen.write(`${row.result.toUpperCase()} ${row.host} ${row.name}\n    ${message}\n`);
    }
    this.#showSometimes();
  }

  #showSometimes(): void {
    if (this.#screen.now() - this.#shownAt >= (this.#screen.isTerminal ? REWRITE_MS : LOG_MS)) this.#show();
  }

  end(): void {
    this.#clear();
  }
}
