import type { ResultKind } from '../../evidence/results.ts';
import type { CellFile, Evidence } from '../../evidence/schema.ts';

/**
 * What the page of a run is drawn from: the contract between the reporter, which writes it, and report-ui, which reads it
 * in a browser. The index is read whole when the page opens; what a cell left behind is read when somebody looks at it.
 */
export const PAGE_FORMAT = 'snp-conform/page@2';

/** One letter a result, for columns of many results in one string. */
export const RESULT_LETTERS = {
  pass: 'p',
  fail: 'f',
  infrastructure: 'i',
  configuration: 'c',
  skip: 's',
} as const satisfies Record<ResultKind, string>;
/** Stands where there is no result: a cell that the other run did not have. */
export const NO_RESULT = '.';

/** One way to sort cells: an axis of the matrix, or something that is known of where they ran. */
export interface PageAxis {
  /** Used in links: `vcpuType`, `host`. */
  name: string;
  title: string;
  /** What cells have there, numbers in order, texts as people sort them. */
  values: string[];
  /** Of each row the index of its value, -1 where it has none. */
  of: number[];
}

/** A place in the run that was compared with, and how each cell did there. */
export interface PageEarlierRun {
  /** When it was, or the name of its file. */
  title: string;
  /** One letter a row. */
  results: string;
  /** What changed since, for rows where something did: value references by row, -1 where nothing. */
  changes: number[];
  /** What changed of the hosts and inputs, in words. */
  provenance: string[];
}

/** All rows in columns: the place in each is the row. */
export interface PageIndex {
  format: typeof PAGE_FORMAT;
  title: string;
  /** How the evidence must be called: `recorded emulated`. */
  labels: string[];
  tool: string;
  /** When the page was made and when the run began, ISO 8601. */
  madeAt: string;
  startedAt: string | null;
  /** Errors outside of any cell. */
  troubles: string[];
  rows: {
    suite: number[];
    id: string[];
    /** One letter a row. */
    results: string;
    durationMs: number[];
    /** Index into `messages`; -1: none. */
    message: number[];
    /** Index into `digests`; -1: there is none, or, of those observed, it is that which was predicted. */
    predicted: number[];
    observed: number[];
    /** Value reference of a CellDetail; -1: the cell left nothing. */
    detail: number[];
    /** Index into `labels`; -1: no evidence. */
    label: number[];
  };
  suites: string[];
  messages: string[];
  /** Launch digests, hex. */
  digests: string[];
  axes: PageAxis[];
  earlier: PageEarlierRun | null;
  /** Earlier runs, oldest first, this one not among them: one letter a row each. */
  history: { titles: string[]; results: string[] };
  /**
   * Values are kept in streams of chunks; of each chunk the place of its first value in the stream. A value's number is its
   * place times the count of streams, and the number of its stream added.
   */
  chunkStarts: number[][];
}

/** A stretch of measured pages: what was predicted beside what QEMU said that it handed over. */
export interface LedgerRow {
  what: string;
  /** `ZERO at 0x80a000, 3 pages`; null where nothing was predicted there. */
  predicted: string | null;
  /** The same of QEMU's trace; null where it has nothing there; undefined where it never tells: KVM measures VMSAs itself. */
  observed: string | null | undefined;
  /** The predicted launch digest after it, hex. */
  digestAfter: string | null;
}

/**
 * A cell as its story tells it. What the story would say twice is left to the cell's file, since most of it is random and so
 * cannot be packed: of what was sent ID block, ID auth and host data are words of the command line, and the nonce is the
 * report data of the report; what a check that holds expected is what it observed.
 */
export type PageCell = Omit<CellFile, 'evidence'> & {
  evidence: Omit<Evidence, 'sent'> & { sent: Pick<Evidence['sent'], 'argv' | 'guestPolicy'> };
};

/** What is kept of a cell for its story. */
export interface CellDetail {
  cell: PageCell;
  /** The launch digest that the guest's report carries, hex; null where there is no report. */
  observed: string | null;
  ledger: LedgerRow[];
  /** The report, 1184 bytes in base64. */
  report: string | null;
}
