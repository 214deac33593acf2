import { diffLayout } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';

type ReportField = (typeof ATTESTATION_REPORT)[number]['name'];

const SIGNATURE: readonly ReportField[] = ['signatureR', 'signatureS'];
/** What differs between two reports of one guest: what it asked for, and the signature over it. */
const OF_ONE_GUEST: readonly ReportField[] = ['reportData', ...SIGNATURE];
/** What differs between two launches of one cell beside that: each guest has an id of its own, each launch host data. */
const OF_ONE_CELL: readonly ReportField[] = [...OF_ONE_GUEST, 'reportId', 'hostData'];

/** Two reports that should agree, and how far. */
export interface Agreement {
  /** Fields that differ and must not, with both values. */
  disagreements: string[];
  /** Fields that must differ and do not. */
  repeated: string[];
}

function compare(
  first: Uint8Array,
  second: Uint8Array,
  mayDiffer: readonly ReportField[],
  mustDiffer: readonly ReportField[],
): Agreement {
  const different = diffLayout(ATTESTATION_REPORT, first, second, 'attestation report');
  const names = new Set(different.map(({ name }) => name));
  return {
    disagreements: different
      .filter(({ name }) => !mayDiffer.includes(name as ReportField))
      .map(({ name, left, right }) => `${name}: ${left} and ${right}`),
    repeated: mustDiffer.filter((name) => !names.has(name)),
  };
}

/** Do two reports of one guest say the same, but for what was asked? @param first 1184 bytes @throws HarnessError LAYOUT_LENGTH */
export function reportsOfOneGuest(first: Uint8Array, second: Uint8Array): Agreement {
  return compare(first, second, OF_ONE_GUEST, ['reportData', 'signatureR']);
}

/**
 * Do the reports of two launches of one cell on one host say the same, but for what is of one launch?
 * @param first 1184 bytes   @throws HarnessError LAYOUT_LENGTH
 */
export function reportsOfOneCell(first: Uint8Array, second: Uint8Array): Agreement {
  return compare(first, second, OF_ONE_CELL, ['reportData', 'signatureR', 'reportId']);
}
