import { SPL_EXTENSIONS } from '../abi/certificate-extensions.ts';
import { parseLayout, reservedViolations } from '../abi/layout.ts';
import { type KnownProductLine, productLineOf } from '../abi/products.ts';
import { ATTESTATION_REPORT, type AttestationReport } from '../abi/report.ts';
import type { TcbLayoutName } from '../abi/tcb.ts';
import { HarnessError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { Anchor } from './anchors.ts';
import type { Certificate, Crl } from './certificate.ts';
import { best, type Chain, chainOf, crlOf, validAt } from './chain.ts';
import { type LeafStatement, readLeafExtensions } from './leaf-extensions.ts';
import { type KeyInfo, layoutVersionOf, parseKeyInfo, requireReportLength, verifyReportSignature } from './report.ts';
import { CPUID_SINCE, tcbLayoutOf } from './tcb.ts';
import type { Allowances, Wanted } from './want.ts';

/** All that a verification depends on: nothing comes from a clock, a file or a network. */
export interface VerifyInput {
  /** 1184 bytes, as they were received. */
  report: Uint8Array;
  /** Candidates in any order; those that do not belong to the report are passed over. */
  certificates: readonly Certificate[];
  crls?: readonly Crl[] | undefined;
  /** The roots that are trusted: `AMD_ANCHORS`, and an emulated one only where the caller means it. */
  anchors: readonly Anchor[];
  /** The moment for which certificates and lists must be valid. */
  now: Date;
  want?: Wanted | undefined;
  /** May a chain be taken without a certificate list, or must there be one? */
  revocation?: 'if-given' | 'required' | undefined;
  allow?: Allowances | undefined;
}

/** What a check of a report finds. */
export interface ReportFinding extends Finding {
  /** What was not given and is needed to decide; such a report is unproven, never passed. */
  lacks?: string | undefined;
}

/** The statement of a leaf, or why there is none: broken where the leaf is at fault, else something else is. */
export type Statement = { value: LeafStatement } | { why: string; broken: boolean };

/** What checks look at, read and chosen once. */
export interface Subject {
  input: VerifyInput;
  want: Wanted;
  report: AttestationReport;
  keyInfo: KeyInfo;
  /** Why the fields have no known meaning; undefined where they have. */
  unreadable: string | undefined;
  /** Must-be-zero bytes that are set. */
  reserved: string[];
  /** By CPUID; undefined in version 2 and for processors that are not known. */
  line: KnownProductLine | undefined;
  layout: TcbLayoutName;
  leaf: Certificate | undefined;
  /** Does the leaf's key verify the signature? */
  signatureHolds: boolean;
  chain: Chain | undefined;
  statement: Statement;
  crl: { crl: Crl; signs: boolean } | undefined;
}

/** The certificate that the report needs, in words. */
export function leafWanted({ keyInfo }: Pick<Subject, 'keyInfo'>): string {
  return keyInfo.signingKey === 'VLEK' ? 'the VLEK of the host' : 'the VCEK of the chip';
}

/** The statement of a leaf that nobody vouches for is not looked at. */
function statementOf(leaf: Certificate | undefined, chain: Chain | undefined): Statement {
  if (leaf?.kind !== 'VCEK' && leaf?.kind !== 'VLEK')
    return { why: 'there is no certificate of the key', broken: false };
  if (!chain?.intermediate?.signs) {
    return { why: `what the ${leaf.kind} says is not looked at, for no issuer's key signed it`, broken: false };
  }
  try {
    const { statement, troubles } = readLeafExtensions(leaf.kind, leaf.details().extensions);
    return statement === undefined ? { why: troubles.join('\n'), broken: true } : { value: statement };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return { why: error.what, broken: true };
  }
}

/** Does a certificate say that it is of this chip and TCB? Of one that cannot be decoded: no. */
function suits(leaf: Certificate, report: AttestationReport): boolean {
  if (leaf.kind !== 'VCEK' && leaf.kind !== 'VLEK') return false;
  try {
    const { statement } = readLeafExtensions(leaf.kind, leaf.details().extensions);
    const hwId = statement?.hwId ?? null;
    const chip = hwId === null || Buffer.compare(hwId, report.chipId.subarray(0, hwId.length)) === 0;
    return statement?.tcb === report.reportedTcb && chip;
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return false;
  }
}

/**
 * Chooses the certificate of the signing key: the one whose key signed, of several with that key a valid and then the
 * newest one; where none signed, one that claims chip and TCB. One of the other kind only where there is none of the
 * right one: its checks then say what is wrong.
 */
function chooseLeaf(input: VerifyInput, report: AttestationReport, keyInfo: KeyInfo) {
  const leaves = input.certificates.filter(({ kind }) => kind === 'VCEK' || kind === 'VLEK');
  const ofKind = leaves.filter(({ kind }) => kind === keyInfo.signingKey);
  const candidates = ofKind.length > 0 ? ofKind : leaves;
  const tried = new Map<string, boolean>();
  const signed = (leaf: Certificate): boolean => {
    const key = leaf.keyDigest();
    const known = tried.get(key);
    const holds = known ?? (isP384(leaf) && verifyReportSignature(input.report, leaf.publicKey));
    tried.set(key, holds);
    return holds;
  };
  const signers = candidates.filter(signed);
  // To see what a certificate claims costs more than to try its key, and is of no interest once a key has signed.
  const claimants = signers.length > 0 || candidates.length < 2 ? [] : candidates.filter((leaf) => suits(leaf, report));
  const [pool = candidates] = [signers, claimants].filter(({ length }) => length > 0);
  const leaf = best(
    pool,
    (candidate) => Number(validAt(candidate, input.now)),
    ({ notBefore }) => notBefore.getTime(),
  );
  return { leaf, signatureHolds: leaf !== undefined && signed(leaf) };
}

/** Is the key of a certificate an ECDSA P-384 key? */
export function isP384({ publicKey }: Certificate): boolean {
  return publicKey.asymmetricKeyType === 'ec' && publicKey.asymmetricKeyDetails?.namedCurve === 'secp384r1';
}

/** Reads a report and chooses its certificates. @throws HarnessError LAYOUT_LENGTH; CERTIFICATE_INVALID */
export function subjectOf(input: VerifyInput): Subject {
  requireReportLength(input.report);
  const report = parseLayout(ATTESTATION_REPORT, input.report, 'attestation report', { reserved: 'keep' });
  const keyInfo = parseKeyInfo(report.keyInfo);
  const { leaf, signatureHolds } = chooseLeaf(input, report, keyInfo);
  const chain = leaf && chainOf(leaf, input.certificates, input.anchors, input.now);
  const version = layoutVersionOf(report.version, input.allow?.unknownVersions);
  return {
    input,
    want: input.want ?? {},
    report,
    keyInfo,
    unreadable: version === undefined ? `the fields of version ${report.version} are not known` : undefined,
    reserved: reservedViolations(ATTESTATION_REPORT, input.report, version),
    line: report.version >= CPUID_SINCE ? productLineOf(report.cpuidFamId, report.cpuidModId) : undefined,
    layout: tcbLayoutOf(report),
    leaf,
    signatureHolds,
    chain,
    statement: statementOf(leaf, chain),
    crl: chain?.root && crlOf(chain.root.certificate, input.crls ?? []),
  };
}

/** A TCB as the SPL extensions of a certificate state it: `blSPL 3, teeSPL 0, ...`. */
export function splText(tcb: bigint, layout: TcbLayoutName): string {
  const level = (at: number): string => String((tcb >> BigInt(8 * at)) & 0xffn);
  return SPL_EXTENSIONS[layout].map(({ name, at }) => `${name} ${level(at)}`).join(', ');
}
