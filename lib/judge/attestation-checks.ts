import { parseKeyInfo } from '../attestation/report.ts';
import type { VerifyInput } from '../attestation/subject.ts';
import { type ReportVerdict, verifyReport } from '../attestation/verify.ts';
import { ERROR_CODES, HarnessError } from '../errors.ts';
import { type Check, type Finding, failed, notApplicable, passed } from '../finding.ts';
import { quoted } from '../text.ts';
import { controlFinding } from './attestation-controls.ts';
import {
  type AttestedSubject,
  anchorsOf,
  certificatesOf,
  isAttested,
  verifyInput,
  wrongOf,
} from './attestation-inputs.ts';
import { bytesOfBase64, type Subject } from './subject.ts';

/** Without this no attested launch passes. */
export const ESSENTIAL_ATTESTATION_CHECK = 'attestation-genuine';
/** Without this no launch passes whose report must be refused under a change. */
export const REFUSED_CHECK = 'attestation-refused';

const REPORT_BYTES = 1184;

const failures = ({ checks }: ReportVerdict): string =>
  checks
    .filter(({ status }) => status === 'fail')
    .map(({ name, detail }) => `${name}: ${detail}`)
    .join('; ');

/** Who vouches, in words that nobody can take for others. */
function trustOf(subject: AttestedSubject): string {
  const names = anchorsOf(subject).map(({ chainName, organization }) => `ARK-${chainName} of ${organization}`);
  return subject.evidence.kind === 'emulated'
    ? `EMULATED root of trust, no hardware: ${names.join(', ')}`
    : `root of trust: ${names.join(', ')}`;
}

/** Were there certificates? That the service could not be asked is the lab's trouble, that it has none is not. */
function certificatesFinding(subject: AttestedSubject, count: number): Finding {
  const { workflow, trouble } = subject.evidence.attestation;
  if (workflow === 'extended') {
    const words = 'the certificate table that the host gave with the report';
    return count > 0 ? passed(`${words}: ${count} certificates`) : failed(`${words} is empty`);
  }
  if (trouble === null) return passed(`${count} certificates of the key distribution service`);
  const said = `${trouble.code}: ${quoted(trouble.what)}`;
  return ERROR_CODES[trouble.code].kind === 'failure' ? failed(said) : notApplicable(said);
}

function genuineFinding(subject: AttestedSubject, verdict: ReportVerdict): Finding {
  const trust = trustOf(subject);
  if (verdict.genuine === 'no') return failed(`the report is not genuine: ${failures(verdict)}`, trust);
  if (verdict.genuine === 'yes') {
    const { report } = subject;
    const key = report.state === 'read' ? parseKeyInfo(report.value.keyInfo).signingKey : 'key';
    return passed(`signed by the ${key} of its certificate; ${trust}`, trust);
  }
  const lacks = `not proven: ${verdict.lacks.join(', ')} was not given`;
  // Where the service could not be asked, the report may well be genuine.
  return subject.evidence.attestation.trouble === null ? failed(lacks, trust) : notApplicable(lacks, trust);
}

function secondFinding(subject: AttestedSubject, first: VerifyInput): Finding {
  const { sent, outcome } = subject.evidence;
  const report = outcome.secondReport == null ? undefined : bytesOfBase64(outcome.secondReport, REPORT_BYTES);
  if (report === undefined || sent.secondNonce === undefined) return notApplicable('there is no second report');
  const bundle = { certificates: [...first.certificates], crls: [...(first.crls ?? [])] };
  const verdict = verifyReport(verifyInput(subject, bundle, report, sent.secondNonce));
  return verdict.result === 'pass'
    ? passed('the second report is genuine and wanted too')
    : failed(`the second report is not like the first: ${failures(verdict) || verdict.lacks.join(', ')}`);
}

function checksOf(subject: AttestedSubject): Check[] {
  const { report, evidence } = subject;
  const given = certificatesOf(subject);
  if ('why' in given) {
    return [{ name: 'attestation-certificates', ...failed(`the certificates cannot be read: ${quoted(given.why)}`) }];
  }
  const count = given.bundle.certificates.length;
  const certificates = { name: 'attestation-certificates', ...certificatesFinding(subject, count) };
  if (report.state !== 'read') {
    const nothing = notApplicable(`there is nothing to verify: ${report.why}`);
    return [certificates, { name: ESSENTIAL_ATTESTATION_CHECK, ...nothing }];
  }
  const input = verifyInput(subject, given.bundle, report.bytes, evidence.sent.nonce);
  const verdict = verifyReport(input);
  const genuine = verdict.checks.filter(({ layer }) => layer === 'genuine');
  const proven = verdict.result === 'pass';
  const refused = subject.scenario?.attestation?.refused;
  const unproven = notApplicable('the report was not found genuine and wanted in the first place');
  return [
    certificates,
    { name: ESSENTIAL_ATTESTATION_CHECK, ...genuineFinding(subject, verdict) },
    ...genuine.map(({ name, status, expected, observed, detail }) => ({
      name: `attestation-${name}`,
      ...{ status, expected, observed, detail },
    })),
    {
      name: 'attestation-wanted',
      ...(verdict.wanted === 'yes'
        ? passed('the report says what was predicted and sent')
        : failed(`the report does not say what was predicted and sent: ${failures(verdict)}`)),
    },
    { name: 'attestation-second-report', ...(proven ? secondFinding(subject, input) : unproven) },
    ...(refused === undefined
      ? []
      : [{ name: REFUSED_CHECK, ...(proven ? controlFinding(refused, input, wrongOf(subject)) : unproven) }]),
  ];
}

/**
 * Verifies the report of a launch, where something to verify it with was written down. What is wrong with certificates is
 * found, not thrown.
 * Source: AMD 56860, ATTESTATION_REPORT structure; AMD 57230
 */
export function attestationChecks(subject: Subject): Check[] {
  if (!isAttested(subject)) return [];
  try {
    return checksOf(subject);
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return [{ name: 'attestation-certificates', ...failed(`a certificate cannot be decoded: ${quoted(error.what)}`) }];
  }
}
