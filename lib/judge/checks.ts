import type { Finding } from '../finding.ts';
import { launchAccepted } from './launch-check.ts';
import { pageList } from './page-list.ts';
import { REPORT_CLAIMS, reportField, reportPresent } from './report-checks.ts';
import { idAuthSignatures, idBlockDigest, idBlockPolicy, launchPolicy } from './sent-checks.ts';
import type { Subject } from './subject.ts';

/** One row of the table of checks. */
export interface CheckRow {
  readonly name: string;
  /** Where it is written that this must hold. */
  readonly source: string;
  readonly run: (subject: Subject) => Finding;
}

const REPORT = 'AMD 56860, ATTESTATION_REPORT structure';
const of = (claim: keyof typeof REPORT_CLAIMS) => (subject: Subject) => reportField(REPORT_CLAIMS[claim], subject);

/** Every check, in the order in which they are told. A new check is one entry. */
export const CHECKS: readonly CheckRow[] = [
  { name: 'launch-accepted', source: 'AMD 56860, SNP_LAUNCH_FINISH', run: launchAccepted },
  { name: 'launch-policy', source: 'AMD 56860, SNP_LAUNCH_START', run: launchPolicy },
  { name: 'page-list', source: 'QEMU, target/i386/sev.c, sev_snp_launch_finish', run: pageList },
  { name: 'id-block-digest', source: 'AMD 56860, ID block', run: idBlockDigest },
  { name: 'id-block-policy', source: 'AMD 56860, ID block', run: idBlockPolicy },
  { name: 'id-auth', source: 'AMD 56860, ID authentication information structure', run: idAuthSignatures },
  { name: 'report-present', source: REPORT, run: reportPresent },
  { name: 'report-measurement', source: REPORT, run: of('measurement') },
  { name: 'report-policy', source: REPORT, run: of('policy') },
  { name: 'report-host-data', source: REPORT, run: of('hostData') },
  { name: 'report-data', source: REPORT, run: of('reportData') },
  { name: 'report-id-key-digest', source: REPORT, run: of('idKeyDigest') },
  { name: 'report-author-key-digest', source: REPORT, run: of('authorKeyDigest') },
  { name: 'report-family-id', source: REPORT, run: of('familyId') },
  { name: 'report-image-id', source: REPORT, run: of('imageId') },
  { name: 'report-guest-svn', source: REPORT, run: of('guestSvn') },
  { name: 'report-vmpl', source: REPORT, run: of('vmpl') },
];
