import { diffLayout, fieldOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';

type ReportField = (typeof ATTESTATION_REPORT)[number]['name'];

const SIGNATURE: readonly ReportField[] = ['signatureR', 'signatureS'];
/** What differs between two reports of one guest: what it asked for, and the signature over it. */
const OF_ONE_GUEST: readonly ReportField[] = ['reportData', ...SIGNATURE];
/** What differs between two launches of one cell beside that: each guest has an id of its own, each launch host data. */
const OF_ONE_CELL: readonly ReportField[] = [...OF_ONE_GUEST, 'reportId', 'hostData'];

/** The fields that differ and must not, each with both values. @param mayDiffer fields of one report alone */
function contradictions(first: Uint8Array, second: Uint8Array, mayDiffer: readonly ReportField[]): string[] {
  return diffLayout(ATTESTATION_REPORT, first, second, 'attestation report')
    .filter(({ name }) => !mayDiffer.includes(name as ReportField))
    .map(({ name, left, right }) => `${name}: ${left} and ${right}`);
}

/**
 * What two reports of one guest contradict each other in; they may differ in what was asked and in the signature over it.
 * @param first 1184 bytes   @throws HarnessError LAYOUT_LENGTH
 */
export function contradictionsOfOneGuest(first: Uint8Array, second: Uint8Array): string[] {
  return contradictions(first, second, OF_ONE_GUEST);
}

/**
 * What the reports of two launches of one cell on one host contradict each other in. Each guest has a REPORT_ID of its own:
 * the same one twice is a contradiction too.
 * @param first 1184 bytes   @throws HarnessError LAYOUT_LENGTH
 */
export function contradictionsOfOneCell(first: Uint8Array, second: Uint8Array): string[] {
  const { at, bytes } = fieldOf(ATTESTATION_REPORT, 'reportId');
  const idOf = (report: Uint8Array): string => Buffer.from(report.subarray(at, at + bytes)).toString('hex');
  const repeated = idOf(first) === idOf(second) ? [`reportId: ${idOf(first)} twice`] : [];
  return [...contradictions(first, second, OF_ONE_CELL), ...repeated];
}
