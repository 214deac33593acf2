import { sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT } from '../abi/report.ts';
import { contradictionsOfOneCell, contradictionsOfOneGuest } from '../attestation/agreement.ts';
import { parseReport } from '../attestation/report.ts';
import { type Finding, failed, notApplicable, passed } from '../finding.ts';
import { hexOf } from '../text.ts';
import { readBase64, type Subject } from './subject.ts';

function found(contradictions: readonly string[], holds: string): Finding {
  return contradictions.length > 0
    ? failed(`two reports contradict each other:\n${contradictions.join('\n')}`)
    : passed(holds);
}

const REPORT_BYTES = sizeOf(ATTESTATION_REPORT);

/** Did the guest answer the second nonce too, with a report that says the same as the first? */
export function secondReport({ evidence, report }: Subject): Finding {
  const { secondNonce } = evidence.sent;
  const second = evidence.outcome.secondReport;
  if (secondNonce === undefined || second === undefined) return notApplicable('the guest was asked once');
  if (report.state !== 'read') return notApplicable('there is no first report to compare with', secondNonce);
  if (second === null) return failed('the guest answered the first nonce with a report, and the second with none');
  const reading = readBase64(second, REPORT_BYTES, parseReport);
  if (reading.state !== 'read') return failed(`the second report cannot be read: ${reading.why}`);
  const { reportData } = reading.value;
  if (hexOf(reportData) !== secondNonce) {
    return failed('REPORT_DATA of the second report is not the second nonce', secondNonce, hexOf(reportData));
  }
  return found(contradictionsOfOneGuest(report.bytes, reading.bytes), 'the second report says the same as the first');
}

/** Do the reports of two launches of the cell say the same? */
export function launchesAgree({ evidence, report }: Subject): Finding {
  const earlier = evidence.attestation?.earlierReport;
  if (earlier === undefined || earlier === null) return notApplicable('there is no report of an earlier launch');
  if (report.state !== 'read') return notApplicable('there is no report to compare with that of the earlier launch');
  const reading = readBase64(earlier, REPORT_BYTES, parseReport);
  if (reading.state !== 'read') return failed(`the report of the earlier launch cannot be read: ${reading.why}`);
  return found(contradictionsOfOneCell(reading.bytes, report.bytes), 'two launches of the cell say the same');
}
