import { pageTypeName } from '../abi/page-info.ts';
import type { LedgerEntry } from '../measure/inputs.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The ledger as JSON has it: addresses as 0x hex, digests as 96 hex digits. */
export function ledgerJson(entries: readonly LedgerEntry[]): object[] {
  return entries.map(({ pageType, gpa, pages, what, digestAfter }) => ({
    pageType: pageTypeName(pageType),
    gpa: `0x${gpa.toString(16)}`,
    pages,
    what,
    digestAfter: hexOf(digestAfter),
  }));
}

/** The ledger as a table for people: one line a row, columns aligned, the digest after the row last. */
export function ledgerTable(entries: readonly LedgerEntry[]): string {
  const head = ['#', 'page type', 'gpa', 'pages', 'what', 'launch digest after it'];
  const rows = entries.map(({ pageType, gpa, pages, what, digestAfter }, index) => {
    const address = `0x${gpa.toString(16).padStart(12, '0')}`;
    return [String(index + 1), pageTypeName(pageType), address, String(pages), what, hexOf(digestAfter)];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}
