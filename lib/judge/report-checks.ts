import type { AttestationReport } from '../abi/report.ts';
import { compared, type Finding, failed, notApplicable } from '../finding.ts';
import { authorKeyDigest, idKeyDigest } from '../identity/id-auth.ts';
import { hexNumber, hexOf } from '../text.ts';
import { meantPolicy } from './sent-checks.ts';
import type { Reading, Subject } from './subject.ts';

/** Did the guest send a report that can be read? A guest that ran and sent none has failed. */
export function reportPresent({ report, evidence }: Subject): Finding {
  if (report.state === 'read') {
    const { version } = report.value;
    return { status: 'pass', expected: null, observed: null, detail: `a report of version ${version}` };
  }
  if (report.state === 'damaged') return failed(`the report cannot be read: ${report.why}`);
  return evidence.outcome.state === 'ran' ? failed(report.why) : notApplicable(report.why);
}

/** What a field of the report must be: a text to compare with, or why that cannot be said. */
type Expectation = { value: string } | { unknown: string };

/** A check of one field of the report. */
export interface ReportClaim {
  /** The field's name in the specification. */
  field: string;
  /** What the expected value is, in words. */
  meaning: string;
  expected: (subject: Subject) => Expectation;
  observed: (report: AttestationReport) => string;
}

/** Compares one field of the report with what it must be. */
export function reportField(claim: ReportClaim, subject: Subject): Finding {
  const { report } = subject;
  const expectation = claim.expected(subject);
  const expected = 'value' in expectation ? expectation.value : null;
  if (report.state !== 'read') return notApplicable(report.why, expected);
  if (expected === null) return notApplicable('unknown' in expectation ? expectation.unknown : '');
  return compared(expected, claim.observed(report.value), {
    holds: `${claim.field} is ${claim.meaning}`,
    broken: `${claim.field} of the guest's report is not ${claim.meaning}`,
  });
}

/** A value from a structure that was sent: its own where it could be read, zeros where none was sent. */
function ofSent<T>(reading: Reading<T>, bytes: number, value: (sent: T) => Uint8Array): Expectation {
  if (reading.state === 'absent') return { value: '00'.repeat(bytes) };
  if (reading.state === 'damaged') return { unknown: `what was sent cannot be read: ${reading.why}` };
  return { value: hexOf(value(reading.value)) };
}

const KEY_DIGEST_BYTES = 48;
const ID_BYTES = 16;

/** What the fields of a report must be. A new one is one entry here and one in the table of checks. */
export const REPORT_CLAIMS = {
  measurement: {
    field: 'MEASUREMENT',
    meaning: 'the predicted launch digest',
    expected: ({ prediction }) => ({ value: hexOf(prediction.launchDigest) }),
    observed: ({ measurement }) => hexOf(measurement),
  },
  policy: {
    field: 'POLICY',
    meaning: 'the policy of the launch',
    expected: (subject) => ({ value: meantPolicy(subject) }),
    observed: ({ policy }) => hexNumber(policy),
  },
  hostData: {
    field: 'HOST_DATA',
    meaning: 'the host data of the launch',
    expected: ({ evidence }) => ({ value: evidence.sent.hostData }),
    observed: ({ hostData }) => hexOf(hostData),
  },
  reportData: {
    field: 'REPORT_DATA',
    meaning: 'the nonce of this launch',
    expected: ({ evidence }) => ({ value: evidence.sent.nonce }),
    observed: ({ reportData }) => hexOf(reportData),
  },
  idKeyDigest: {
    field: 'ID_KEY_DIGEST',
    meaning: 'the digest of the ID key that was sent, zero without one',
    expected: ({ idAuth }) => ofSent(idAuth, KEY_DIGEST_BYTES, (auth) => idKeyDigest(auth.idKey)),
    observed: (report) => hexOf(report.idKeyDigest),
  },
  authorKeyDigest: {
    field: 'AUTHOR_KEY_DIGEST',
    meaning: 'the digest of the author key that was sent, zero unless one was enabled',
    expected: ({ idAuth, evidence }) =>
      evidence.sent.authorKeyEnabled
        ? ofSent(idAuth, KEY_DIGEST_BYTES, (auth) => authorKeyDigest(auth.authorKey))
        : { value: '00'.repeat(KEY_DIGEST_BYTES) },
    observed: (report) => hexOf(report.authorKeyDigest),
  },
  familyId: {
    field: 'FAMILY_ID',
    meaning: 'that of the ID block, zero without one',
    expected: ({ idBlock }) => ofSent(idBlock, ID_BYTES, ({ familyId }) => familyId),
    observed: ({ familyId }) => hexOf(familyId),
  },
  imageId: {
    field: 'IMAGE_ID',
    meaning: 'that of the ID block, zero without one',
    expected: ({ idBlock }) => ofSent(idBlock, ID_BYTES, ({ imageId }) => imageId),
    observed: ({ imageId }) => hexOf(imageId),
  },
  guestSvn: {
    field: 'GUEST_SVN',
    meaning: 'that of the ID block, zero without one',
    expected: ({ idBlock }) => {
      if (idBlock.state === 'damaged') return { unknown: `what was sent cannot be read: ${idBlock.why}` };
      return { value: hexNumber(idBlock.state === 'read' ? idBlock.value.guestSvn : 0) };
    },
    observed: ({ guestSvn }) => hexNumber(guestSvn),
  },
  vmpl: {
    field: 'VMPL',
    meaning: '0, the most privileged level',
    expected: () => ({ value: '0x0' }),
    observed: ({ vmpl }) => hexNumber(vmpl),
  },
} as const satisfies Record<string, ReportClaim>;
