import type { KdsProduct } from '../abi/products.ts';
import { AMD_ANCHORS, type Anchor } from '../attestation/anchors.ts';
import { type CertificateBundle, readCertificateFile } from '../attestation/certificate-file.ts';
import type { VerifyInput } from '../attestation/subject.ts';
import type { Wanted } from '../attestation/want.ts';
import { HarnessError } from '../errors.ts';
import type { Attestation } from '../evidence/attestation-schema.ts';
import { authorKeyDigest, idKeyDigest } from '../identity/id-auth.ts';
import { needOf } from '../scenarios/refused-for.ts';
import { launchedPolicy, type Subject } from './subject.ts';

/** Evidence whose report is to be verified. */
export type AttestedSubject = Subject & { evidence: { attestation: Attestation } };

/** Was anything written down that the report can be verified with? */
export function isAttested(subject: Subject): subject is AttestedSubject {
  return subject.evidence.attestation !== undefined;
}

/**
 * The roots that are trusted: AMD's. For evidence of an emulated host, and for no other, the root that it was made with; and
 * then AMD's is not, for no emulated report is AMD's.
 */
export function anchorsOf({ evidence }: AttestedSubject): readonly Anchor[] {
  const { emulatedRoot } = evidence.attestation;
  if (evidence.kind !== 'emulated') return AMD_ANCHORS;
  return emulatedRoot === null ? [] : [{ ...emulatedRoot, product: emulatedRoot.product satisfies KdsProduct }];
}

/** Certificates, or why what was given cannot be read. */
export type GivenCertificates = { bundle: CertificateBundle } | { why: string };

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function readAll(texts: readonly string[], where: string): GivenCertificates {
  try {
    const bundles = texts.map((text, index) => readCertificateFile(bytesOf(text), `${where} ${index + 1}`));
    return {
      bundle: {
        certificates: bundles.flatMap(({ certificates }) => certificates),
        crls: bundles.flatMap(({ crls }) => crls),
      },
    };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return { why: error.where === undefined ? error.what : `${error.what} (${error.where})` };
  }
}

/** The certificates that the workflow is about: of the service, or of the table that came with the report. */
export function certificatesOf({ evidence }: AttestedSubject): GivenCertificates {
  const { attestation, outcome } = evidence;
  if (attestation.workflow === 'standard') return readAll(attestation.certificates, 'certificate of the service');
  const table = outcome.certificates ?? '';
  return table === '' ? { bundle: { certificates: [], crls: [] } } : readAll([table], 'table of the host');
}

/** What was made wrong on purpose; empty where nothing is needed, null where it was not made or cannot be read. */
export function wrongOf({ evidence, scenario }: AttestedSubject): CertificateBundle | null {
  const refused = scenario?.attestation?.refused;
  if (refused === undefined || needOf(refused).wrong === undefined) return { certificates: [], crls: [] };
  const { wrong } = evidence.attestation;
  const read = wrong === undefined ? null : readAll([wrong], 'wrong certificate');
  return read !== null && 'bundle' in read ? read.bundle : null;
}

/** What the report must say: what was predicted and sent. @param nonce of that report, as hex */
export function wantedOf(subject: AttestedSubject, nonce: string): Wanted {
  const { evidence, prediction, idAuth } = subject;
  const hexBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
  const keys =
    idAuth.state !== 'read'
      ? {}
      : {
          idKeyDigests: [idKeyDigest(idAuth.value.idKey)],
          ...(evidence.sent.authorKeyEnabled ? { authorKeyDigests: [authorKeyDigest(idAuth.value.authorKey)] } : {}),
        };
  return {
    ...keys,
    reportData: hexBytes(nonce),
    measurement: prediction.launchDigest,
    hostData: hexBytes(evidence.sent.hostData),
    policy: launchedPolicy(evidence),
    vmpl: 0,
    reportIdMa: 'none',
    ...(evidence.attestation.cspId === null ? {} : { cspId: evidence.attestation.cspId, signingKey: 'VLEK' }),
  };
}

/** All that the verification of a report of the evidence depends on. */
export function verifyInput(
  subject: AttestedSubject,
  bundle: CertificateBundle,
  report: Uint8Array,
  nonce: string,
): VerifyInput {
  return {
    report,
    certificates: bundle.certificates,
    crls: bundle.crls,
    anchors: anchorsOf(subject),
    now: new Date(subject.evidence.attestation.at),
    want: wantedOf(subject, nonce),
  };
}
