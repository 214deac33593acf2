import type { FieldTextDifference } from '../abi/field-text.ts';
import { pageTypeName } from '../abi/page-info.ts';
import { guestFeatureNames } from '../measure/guest-features.ts';
import type { LedgerEntry } from '../measure/inputs.ts';
import type { LedgerDifference, PageField } from '../measure/ledger-diff.ts';
import { hexOf } from './hex.ts';

/** The first difference of two ledgers with all that is known of it. */
export interface DifferenceText {
  /** What the user calls the two. */
  names: readonly [string, string];
  difference: LedgerDifference;
  /** What is known of the contents of the page, in both. */
  contents: readonly FieldTextDifference[];
  /** Bytes from the start of the firmware image; null where the page is of something else. */
  imageOffset: number | null;
  /** The launch digests, 48 bytes each. */
  digests: readonly Uint8Array[];
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** What the page is called: `vCPU 0`, `KERNEL_HASHES`; both names where they differ. */
export function pageName({ left, right }: LedgerDifference): string {
  const names = new Set([left, right].flatMap((row) => (row === null ? [] : [row.what])));
  return [...names].join(' / ');
}

/** What a value of a page is in one of the launches. */
const CELL_OF_FIELD: Readonly<Record<PageField, (row: LedgerEntry) => string>> = {
  pageType: ({ pageType }) => pageTypeName(pageType),
  gpa: ({ gpa }) => hex(gpa),
  pages: ({ pages }) => String(pages),
  contents: ({ contents }) => (contents === null ? 'not in the ledger' : `SHA-384 ${hexOf(contents)}`),
};

/** SEV_FEATURES by names too. */
function valueText(name: string, value: string): string {
  const features = name === 'sevFeatures' && /^0x[0-9a-f]{1,16}$/.test(value) ? BigInt(value) : null;
  return features === null ? value : `${value} (${guestFeatureNames(features).join('+') || 'none'})`;
}

/** Lines of `name: left -> right`, one below the other where the values are long. */
function changeLines(rows: readonly FieldTextDifference[]): string[] {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  return rows.flatMap(({ name, left, right }) => {
    const [mine, other] = [valueText(name, left), valueText(name, right)];
    const label = name.padEnd(width);
    if (mine.length + other.length <= 80) return [`  ${label}  ${mine} -> ${other}`];
    return [`  ${label}  ${mine}`, `  ${' '.repeat(width)}  -> ${other}`];
  });
}

const onlyIn = ({ names, difference }: DifferenceText): string =>
  difference.kind === 'only-left' ? names[0] : names[1];

function headline(text: DifferenceText): string {
  const { difference, imageOffset } = text;
  const { pagesBefore, kind, left, right } = difference;
  const row = left ?? right;
  const place = row === null || row.pages === 0 ? '' : ` at ${hex(row.gpa)}`;
  const offset = imageOffset === null ? '' : `, offset ${hex(imageOffset)} of the image`;
  const what = `page ${pagesBefore + 1}, ${pageName(difference)} (${pageTypeName(row?.pageType ?? 0)}${place}${offset})`;
  if (kind === 'changed') return `${what}, differs`;
  if (difference.elsewhere !== null) {
    const other = kind === 'only-left' ? text.names[1] : text.names[0];
    return `${what}, is there in ${onlyIn(text)}; in ${other} it is page ${difference.elsewhere + 1}: the order differs`;
  }
  const more = difference.rows === 1 ? '' : `, and so are the ${difference.rows - 1} after it`;
  return `${what}, is in ${onlyIn(text)} only${more}`;
}

/** What follows the first difference: `vCPU 1, SEC_MEM (3 pages)`. */
function furtherText({ kind, left, right, further }: LedgerDifference): string {
  const known = kind !== 'changed' || (left?.contents && right?.contents);
  if (!known) return 'ledgers as JSON, written from images, tell more: predict --ovmf IMAGE ... --ledger --json';
  const counts = new Map<string, number>();
  for (const { what, pages } of further) counts.set(what, (counts.get(what) ?? 0) + pages);
  const names = [...counts].map(([what, pages]) => (pages === 1 ? what : `${what} (${pages} pages)`));
  const shown = names.length > 12 ? [...names.slice(0, 12), `${names.length - 12} more`] : names;
  return further.length === 0 ? 'no page after it differs of itself' : `after it these differ too: ${shown.join(', ')}`;
}

/** The first difference of two ledgers, for people. @returns lines */
export function differenceText(text: DifferenceText): string {
  const { names, difference, contents, digests } = text;
  const { left, right, fields } = difference;
  const changes = fields.map((name) => ({
    name,
    left: left === null ? '' : CELL_OF_FIELD[name](left),
    right: right === null ? '' : CELL_OF_FIELD[name](right),
  }));
  const lines = [
    headline(text),
    `  ${names[0]} -> ${names[1]}`,
    ...changeLines([...changes, ...contents]),
    furtherText(difference),
    `launch digest ${hexOf(digests[0] ?? new Uint8Array())} (${names[0]})`,
    `launch digest ${hexOf(digests[1] ?? new Uint8Array())} (${names[1]})`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The differences of VMSAs, for people. @param found by the name of the page */
export function vmsaDifferencesText(
  found: ReadonlyMap<string, readonly FieldTextDifference[] | 'only-left' | 'only-right'>,
  names: readonly [string, string],
): string {
  if (found.size === 0) return 'the same\n';
  const lines = [...found].flatMap(([page, differences]) => {
    if (differences === 'only-left') return [`${page} is in ${names[0]} only`];
    if (differences === 'only-right') return [`${page} is in ${names[1]} only`];
    return [`${page} differs`, `  ${names[0]} -> ${names[1]}`, ...changeLines(differences)];
  });
  return `${lines.join('\n')}\n`;
}
