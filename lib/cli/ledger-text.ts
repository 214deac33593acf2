import { type FieldTexts, fieldTexts } from '../abi/field-text.ts';
import { pageTypeName } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import type { LedgerEntry } from '../measure/inputs.ts';
import type { VmsaPages } from '../measure/vmsa.ts';
import { hexOf } from './hex.ts';

/** CONTENTS as JSON has it: null where it is zeros, or of more than one page. */
function contentsText(contents: Uint8Array | null): string | null {
  return contents?.some((byte) => byte !== 0) ? hexOf(contents) : null;
}

/** A row of a ledger as JSON has it: addresses as 0x hex, digests as 96 hex digits. */
export function ledgerRowJson({ pageType, gpa, pages, what, contents, digestAfter }: LedgerEntry) {
  return {
    pageType: pageTypeName(pageType),
    gpa: `0x${gpa.toString(16)}`,
    pages,
    what,
    contents: contentsText(contents),
    digestAfter: hexOf(digestAfter),
  };
}

/** The VMSAs that a ledger has the hashes of, as JSON has them: fields that are not zero. */
export function vmsasJson({ boot, application }: VmsaPages): { boot: FieldTexts; application: FieldTexts } {
  return { boot: fieldTexts(VMSA, boot), application: fieldTexts(VMSA, application) };
}

/** A line of `ledgerTable`, but for its head. */
export const LEDGER_ROW =
  /^[0-9]+ +(?<pageType>[A-Z]+|type [0-9]+) +(?<gpa>0x[0-9a-f]{1,16}) +(?<pages>[0-9]{1,9}) +(?<what>.{1,200}?) +(?<digestAfter>[0-9a-f]{96})$/;

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
