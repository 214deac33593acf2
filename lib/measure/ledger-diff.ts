import type { LedgerEntry } from './inputs.ts';

/** What of a page differs. */
export type PageField = 'pageType' | 'gpa' | 'pages' | 'contents';

/** The first page in which two launches differ. */
export interface LedgerDifference {
  /** How many pages the launches have in common before it. */
  pagesBefore: number;
  /** `changed`: both have a page there; else only one of them has it, and after some rows both go on alike. */
  kind: 'changed' | 'only-left' | 'only-right';
  left: LedgerEntry | null;
  right: LedgerEntry | null;
  /** What of the page differs; empty where only one launch has it. */
  fields: readonly PageField[];
  /** Before how many pages the other launch has the page that only one has here; null where it has none. */
  elsewhere: number | null;
  /** How many rows, this one first, only one launch has; 0 where both have a page there. */
  rows: number;
  /** The pages after those that differ of themselves, not only in what was measured before them. */
  further: readonly LedgerEntry[];
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

const isImage = ({ what }: LedgerEntry): boolean => what.startsWith('firmware image');

/** Are the pages of the image in one row? Then only the digest after all of them is known. */
const isCollapsed = (rows: readonly LedgerEntry[]): boolean =>
  rows[0] !== undefined && isImage(rows[0]) && rows[0].pages !== 1;

function collapsed(rows: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const after = rows.findIndex((row) => !isImage(row));
  const image = after < 0 ? rows : rows.slice(0, after);
  const [first, last] = [image[0], image.at(-1)];
  if (first === undefined || last === undefined) return rows;
  const pages = image.reduce((sum, row) => sum + row.pages, 0);
  return [{ ...first, pages, contents: null, digestAfter: last.digestAfter }, ...rows.slice(image.length)];
}

/** What of two pages differs, apart from what was measured before them. */
function fieldsOf(left: LedgerEntry, right: LedgerEntry): PageField[] {
  const fields: PageField[] = [];
  if (left.pageType !== right.pageType) fields.push('pageType');
  // An image of unknown size is at no address.
  if (left.pages !== 0 && right.pages !== 0) {
    if (left.gpa !== right.gpa) fields.push('gpa');
    if (left.pages !== right.pages) fields.push('pages');
  }
  if (left.contents !== null && right.contents !== null && !sameBytes(left.contents, right.contents)) {
    fields.push('contents');
  }
  return fields;
}

const alike = (left: LedgerEntry | undefined, right: LedgerEntry | undefined): boolean =>
  left !== undefined && right !== undefined && fieldsOf(left, right).length === 0;

/** How many rows one launch has at the difference that the other lacks; 0: both have a page there, and another. */
interface Alone {
  kind: LedgerDifference['kind'];
  rows: number;
}

/** Looks for the nearest row at which both launches go on alike. */
function aloneAt(left: readonly LedgerEntry[], right: readonly LedgerEntry[]): Alone {
  const [mine, other] = [left[0], right[0]];
  if (other === undefined) return { kind: 'only-left', rows: left.length };
  if (mine === undefined) return { kind: 'only-right', rows: right.length };
  if (alike(mine, other)) return { kind: 'changed', rows: 0 };
  for (let ahead = 1; ahead < Math.max(left.length, right.length); ahead += 1) {
    const [leftGoesOn, rightGoesOn] = [alike(left[ahead], other), alike(mine, right[ahead])];
    if (leftGoesOn && !rightGoesOn) return { kind: 'only-left', rows: ahead };
    if (rightGoesOn && !leftGoesOn) return { kind: 'only-right', rows: ahead };
    if (leftGoesOn || alike(left[ahead], right[ahead])) break;
  }
  return { kind: 'changed', rows: 0 };
}

/** How many pages a launch has before the one that is like this, at a row from `from` on; null where it has none. */
function pagesBeforeLike(page: LedgerEntry, rows: readonly LedgerEntry[], from: number): number | null {
  const at = rows.findIndex((row, index) => index >= from && row.gpa === page.gpa && alike(row, page));
  return at < 0 ? null : rows.slice(0, at).reduce((sum, { pages }) => sum + pages, 0);
}

/** The rows after the difference that differ of themselves, those that only one launch has among them. */
function furtherOf(left: readonly LedgerEntry[], right: readonly LedgerEntry[]): LedgerEntry[] {
  const longer = left.length >= right.length ? left : right;
  return longer.filter((_, index) => !alike(left[index], right[index]));
}

/**
 * Finds the first page in which two launches differ. Where one ledger has the firmware image as one row, so it is taken
 * in the other.
 * @returns null: they are the same   Each ledger is held to be consistent: `digestAfter` follows from the rows up to it.
 */
export function firstDifference(
  leftRows: readonly LedgerEntry[],
  rightRows: readonly LedgerEntry[],
): LedgerDifference | null {
  const asOne = isCollapsed(leftRows) || isCollapsed(rightRows);
  const left = asOne ? collapsed(leftRows) : leftRows;
  const right = asOne ? collapsed(rightRows) : rightRows;
  let at = 0;
  for (; ; at += 1) {
    const [mine, other] = [left[at], right[at]];
    if (mine === undefined || other === undefined || !sameBytes(mine.digestAfter, other.digestAfter)) break;
  }
  const [mine, other] = [left[at] ?? null, right[at] ?? null];
  if (mine === null && other === null) return null;
  const pagesBefore = left.slice(0, at).reduce((sum, { pages }) => sum + pages, 0);
  const { kind, rows } = aloneAt(left.slice(at), right.slice(at));
  const [alone, others] = kind === 'only-left' ? [mine, right] : [other, left];
  const elsewhere = kind === 'changed' || alone === null ? null : pagesBeforeLike(alone, others, at);
  const fields = kind === 'changed' && mine !== null && other !== null ? fieldsOf(mine, other) : [];
  return {
    pagesBefore,
    kind,
    left: kind === 'only-right' ? null : mine,
    right: kind === 'only-left' ? null : other,
    // What differs and is told by nothing else is contents that a ledger does not hold.
    fields: kind === 'changed' && fields.length === 0 ? ['contents'] : fields,
    elsewhere,
    rows,
    further: furtherOf(
      left.slice(at + (kind === 'changed' ? 1 : kind === 'only-left' ? rows : 0)),
      right.slice(at + (kind === 'changed' ? 1 : kind === 'only-right' ? rows : 0)),
    ),
  };
}
