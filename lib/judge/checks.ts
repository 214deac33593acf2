import type { Finding } from '../finding.ts';
import { isOwnLaunch } from '../scenarios/own-launch.ts';
import { launchesAgree, secondReport } from './agreement-checks.ts';
import { launchAccepted } from './launch-check.ts';
import { pageList } from './page-list.ts';
import { launchRefused, noGuestRan } from './refusal-checks.ts';
import { REPORT_CLAIMS, reportField, reportPresent } from './report-checks.ts';
import { sentAsMeant } from './scenario-check.ts';
import { idAuthSignatures, idBlockDigest, idBlockPolicy, launchPolicy } from './sent-checks.ts';
import type { Subject } from './subject.ts';

/** One row of the table of checks. */
export interface CheckRow {
  readonly name: string;
  /** Where it is written that this must hold. */
  readonly source: string;
  readonly run: (subject: Subject) => Finding;
  /** Of which launches it is asked; absent: of all. */
  readonly asked?: (subject: Subject) => boolean;
}

const whereAccepted = ({ expectation }: Subject): boolean => expectation.outcome === 'accepted';
const whereRefused = (subject: Subject): boolean => !whereAccepted(subject);
const ofScenarios = ({ evidence }: Subject): boolean =>
  evidence.scenario !== undefined && !isOwnLaunch(evidence.scenario);
/** Recordings of a time when guests were asked once have no second report. */
const whereAskedTwice = (subject: Subject): boolean =>
  whereAccepted(subject) && subject.evidence.outcome.secondReport !== undefined;
const ofSecondLaunches = ({ scenario }: Subject): boolean => scenario?.attestation?.launches === 2;

const FINISH = 'AMD 56860, SNP_LAUNCH_FINISH';
const REPORT = 'AMD 56860, ATTESTATION_REPORT structure';
const of = (claim: keyof typeof REPORT_CLAIMS) => (subject: Subject) => reportField(REPORT_CLAIMS[claim], subject);

/** Every check, in the order in which they are told. A new check is one entry. */
export const CHECKS: readonly CheckRow[] = [
  { name: 'launch-accepted', source: FINISH, run: launchAccepted, asked: whereAccepted },
  {
    name: 'launch-refused',
    source: `${FINISH}; Linux, arch/x86/kvm/svm/sev.c`,
    run: launchRefused,
    asked: ({ expectation }) => expectation.outcome === 'refused' || expectation.outcome === 'unknown',
  },
  { name: 'no-guest-ran', source: FINISH, run: noGuestRan, asked: whereRefused },
  { name: 'sent-as-meant', source: 'lib/scenarios', run: sentAsMeant, asked: ofScenarios },
  { name: 'launch-policy', source: 'AMD 56860, SNP_LAUNCH_START', run: launchPolicy },
  { name: 'page-list', source: 'QEMU, target/i386/sev.c, sev_snp_launch_finish', run: pageList },
  ...[
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
  ].map((row): CheckRow => ({ ...row, asked: whereAccepted })),
  { name: 'second-report', source: REPORT, run: secondReport, asked: whereAskedTwice },
  { name: 'launches-agree', source: REPORT, run: launchesAgree, asked: ofSecondLaunches },
];
