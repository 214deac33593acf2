import type { ResultKind } from '../../lib/evidence/results.ts';
import { NO_RESULT, type PageAxis, type PageIndex, RESULT_LETTERS } from '../../lib/reporters/page/model.ts';

/** The kinds of result, worst first: where several stand for one, the worst is shown. */
export const KINDS = ['fail', 'configuration', 'infrastructure', 'skip', 'pass'] as const satisfies ResultKind[];

/** How results are called. */
export const KIND_WORDS: Readonly<Record<ResultKind, string>> = {
  pass: 'passed',
  fail: 'failed',
  infrastructure: 'lab trouble',
  configuration: 'wrong input',
  skip: 'skipped',
};

const KIND_OF_LETTER = new Map<string, ResultKind>(
  Object.entries(RESULT_LETTERS).map(([kind, letter]) => [letter, kind as ResultKind]),
);

/** The kind that a letter stands for; undefined where it stands for none. */
export const kindOf = (letter: string | undefined): ResultKind | undefined =>
  letter === undefined || letter === NO_RESULT ? undefined : KIND_OF_LETTER.get(letter);

/** How a row did, compared with the earlier run. */
export type Change = 'new-failure' | 'fixed' | 'new' | 'other';

/** The rows of a run with what is asked of them again and again. */
export class Run {
  readonly index: PageIndex;
  readonly count: number;
  /** How many rows of each kind there are. */
  readonly all: Readonly<Record<ResultKind, number>>;
  /** The axes on which rows differ, and those on which all are alike. */
  readonly varying: readonly PageAxis[];
  readonly constant: readonly PageAxis[];
  readonly #texts: string[];
  readonly #rowOfKey: Map<string, number>;

  constructor(index: PageIndex) {
    this.index = index;
    this.count = index.rows.id.length;
    this.all = this.totals(index.rows.id.map((_, row) => row));
    this.varying = index.axes.filter(({ values }) => values.length > 1);
    this.constant = index.axes.filter((axis) => !this.varying.includes(axis));
    this.#texts = index.rows.id.map((id, row) =>
      [id, this.host(row), this.suite(row), this.message(row), ...this.#digests(row)].join('\n').toLowerCase(),
    );
    this.#rowOfKey = new Map(index.rows.id.map((_, row) => [this.key(row), row]));
  }

  kind(row: number): ResultKind {
    return kindOf(this.index.rows.results[row]) ?? 'skip';
  }

  axis(name: string): PageAxis | undefined {
    return this.index.axes.find((axis) => axis.name === name);
  }

  valueOf(axis: PageAxis, row: number): string | undefined {
    return axis.values[axis.of[row] ?? -1];
  }

  host(row: number): string {
    const axis = this.axis('host');
    return (axis && this.valueOf(axis, row)) ?? '';
  }

  suite(row: number): string {
    return this.index.suites[this.index.rows.suite[row] ?? -1] ?? '';
  }

  message(row: number): string {
    return this.index.messages[this.index.rows.message[row] ?? -1] ?? '';
  }

  /** The launch digests of a row, predicted and, where it is another, observed. */
  #digests(row: number): string[] {
    const { digests, rows } = this.index;
    return [rows.predicted[row], rows.observed[row]].flatMap((number) => digests[number ?? -1] ?? []);
  }

  label(row: number): string {
    return this.index.labels[this.index.rows.label[row] ?? -1] ?? '';
  }

  /** What names a row in links: it stays the same from run to run. */
  key(row: number): string {
    return `${this.suite(row)} ${this.host(row)} ${this.index.rows.id[row]}`;
  }

  rowOf(key: string): number | undefined {
    return this.#rowOfKey.get(key);
  }

  /** Do all words of a search stand in a row's id, host, message or digests? */
  matches(row: number, words: readonly string[]): boolean {
    const text = this.#texts[row] ?? '';
    return words.every((word) => text.includes(word));
  }

  /** How many rows of each kind. */
  totals(rows: readonly number[]): Record<ResultKind, number> {
    const totals = { pass: 0, fail: 0, infrastructure: 0, configuration: 0, skip: 0 };
    for (const row of rows) totals[this.kind(row)]++;
    return totals;
  }

  earlierKind(row: number): ResultKind | undefined {
    return kindOf(this.index.earlier?.results[row]);
  }

  /** undefined where nothing changed, or there is nothing to compare with. */
  change(row: number): Change | undefined {
    if (this.index.earlier === null) return undefined;
    const [now, before] = [this.kind(row), this.earlierKind(row)];
    if (before === undefined) return 'new';
    if (now === before) return undefined;
    if (now === 'fail') return 'new-failure';
    return now === 'pass' && before === 'fail' ? 'fixed' : 'other';
  }
}

/** The worst kind that occurs. */
export function worst(totals: Record<ResultKind, number>): ResultKind {
  return KINDS.find((kind) => totals[kind] > 0) ?? 'skip';
}

/** Rows in the order in which they are read: what is wrong first. @param rows in the order of the run */
export function worstFirst(run: Run, rows: readonly number[]): number[] {
  const ofKind = new Map<ResultKind, number[]>(KINDS.map((kind) => [kind, []]));
  for (const row of rows) ofKind.get(run.kind(row))?.push(row);
  return [...ofKind.values()].flat();
}
