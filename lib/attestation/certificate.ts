import { constants, createHash, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import { quoted } from '../text.ts';
import { type SignedStructure, signedStructure } from './der.ts';
import { type CertificateDetails, type CrlDetails, decodeCertificate, decodeCrl, serialText } from './x509.ts';

/** What a certificate is in AMD's chains, by its subject; `other` is one that has no place in them. */
export type CertificateKind = 'ARK' | 'ASK' | 'ASVK' | 'VCEK' | 'VLEK' | 'other';

/** A certificate that was read and of which nothing is trusted yet. */
export interface Certificate {
  kind: CertificateKind;
  /** Where it came from, for messages. */
  where: string;
  der: Uint8Array;
  /** One attribute a line, as node:crypto writes names: `OU=Engineering`, ..., `CN=SEV-VCEK`. */
  subject: string;
  issuer: string;
  /** The names as they are encoded, as hex, for comparing. */
  subjectDer: string;
  issuerDer: string;
  /** Lower-case hex without leading zeros; real VCEKs and VLEKs have 0. */
  serialNumber: string;
  notBefore: Date;
  notAfter: Date;
  publicKey: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo, as lower-case hex: what roots are pinned by. */
  keyDigest: () => string;
  structure: SignedStructure;
  /** Decoded when first asked for, and kept. @throws HarnessError CERTIFICATE_INVALID */
  details: () => CertificateDetails;
}

/** A certificate list that was read and of which nothing is trusted yet. */
export interface Crl {
  where: string;
  der: Uint8Array;
  issuerDer: string;
  structure: SignedStructure;
  /** Decoded when first asked for, and kept. @throws HarnessError CERTIFICATE_INVALID */
  details: () => CrlDetails;
}

/** Certificates of AMD have less than 2 KiB, lists less than 1 KiB. */
const CERTIFICATE_BYTES_MAX = 16 * 1024;
const CRL_BYTES_MAX = 1024 * 1024;

/** Common names of the chains. Source: AMD 57230; real certificates. */
const KINDS: readonly (readonly [CertificateKind, RegExp])[] = [
  ['VCEK', /^SEV-VCEK$/],
  ['VLEK', /^SEV-VLEK$/],
  ['ASVK', /^SEV-VLEK-./],
  ['ASK', /^SEV-./],
  ['ARK', /^ARK-./],
];

/** An attribute of a name of one a line; undefined where the name has it not exactly once. */
export function nameAttribute(name: string, attribute: string): string | undefined {
  const values = name.split('\n').filter((part) => part.startsWith(`${attribute}=`));
  return values.length === 1 ? values[0]?.slice(attribute.length + 1) : undefined;
}

function kindOf(subject: string): CertificateKind {
  const commonName = nameAttribute(subject, 'CN') ?? '';
  return KINDS.find(([, pattern]) => pattern.test(commonName))?.[0] ?? 'other';
}

/** A name of one attribute a line, for a message. */
export const nameText = (name: string): string => quoted(name.replaceAll('\n', ', '));

function refuse(what: string, where: string, cause?: unknown): HarnessError {
  return new HarnessError({ code: 'CERTIFICATE_INVALID', what, where, cause });
}

function bounded(der: Uint8Array, bytesMax: number, what: string, where: string): SignedStructure {
  if (der.length > bytesMax) throw refuse(`the ${what} has ${der.length} bytes, more than ${bytesMax}`, where);
  const structure = signedStructure(der);
  if (structure === undefined) throw refuse(`this is no DER of a ${what}`, where);
  return structure;
}

const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

/** Computes a value when it is first asked for. */
function once<T>(compute: () => T): () => T {
  let kept: { value: T } | undefined;
  return () => {
    kept ??= { value: compute() };
    return kept.value;
  };
}

function opened(der: Uint8Array, where: string): { certificate: X509Certificate; publicKey: KeyObject } {
  try {
    const certificate = new X509Certificate(der);
    return { certificate, publicKey: certificate.publicKey };
  } catch (cause) {
    throw refuse('this is no certificate', where, cause);
  }
}

/**
 * Reads a certificate; nothing of it is verified.
 * @param der exactly one certificate   @param where where it came from, for messages
 * @throws HarnessError CERTIFICATE_INVALID
 * Source: RFC 5280, section 4.1
 */
export function readCertificate(der: Uint8Array, where: string): Certificate {
  const bytes = Uint8Array.from(der);
  const structure = bounded(bytes, CERTIFICATE_BYTES_MAX, 'certificate', where);
  const { certificate, publicKey } = opened(bytes, where);
  const notBefore = new Date(certificate.validFrom);
  const notAfter = new Date(certificate.validTo);
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime())) {
    throw refuse('the certificate has no readable dates', where);
  }
  const subject = certificate.subject ?? '';
  const [, , issuerName, , subjectName, spki] = structure.fields;
  return {
    kind: kindOf(subject),
    where,
    der: bytes,
    subject,
    issuer: certificate.issuer ?? '',
    subjectDer: hexOf(subjectName?.whole),
    issuerDer: hexOf(issuerName?.whole),
    serialNumber: serialText(certificate.serialNumber),
    notBefore,
    notAfter,
    publicKey,
    keyDigest: once(() =>
      createHash('sha256')
        .update(spki?.whole ?? new Uint8Array())
        .digest('hex'),
    ),
    structure,
    details: once(() => decodeCertificate(bytes, where)),
  };
}

/**
 * Reads a certificate list; nothing of it is verified.
 * @param der exactly one list   @throws HarnessError CERTIFICATE_INVALID
 * Source: RFC 5280, section 5.1
 */
export function readCrl(der: Uint8Array, where: string): Crl {
  const bytes = Uint8Array.from(der);
  const structure = bounded(bytes, CRL_BYTES_MAX, 'certificate list', where);
  // The version of a list is a plain INTEGER, that of a certificate stands in a context tag.
  const fields = structure.fields[0]?.tag === 0x02 ? structure.fields.slice(1) : structure.fields;
  const [, issuerName] = fields;
  return {
    where,
    der: bytes,
    issuerDer: hexOf(issuerName?.whole),
    structure,
    details: once(() => decodeCrl(bytes, where)),
  };
}

/** The salt of AMD's RSASSA-PSS signatures: as long as their SHA-384. */
export const PSS_SALT_BYTES = 48;

function keySigned({ signed, signature }: SignedStructure, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  const how = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT_BYTES };
  return verify('sha384', signed, how, signature);
}

/** What was found out of a structure and a certificate; both are never changed, so it stays true. */
const known = new WeakMap<SignedStructure, WeakMap<Certificate, boolean>>();

/**
 * Did the key of a certificate sign another, or a list, by RSASSA-PSS with SHA-384, MGF1 of SHA-384 and a salt of 48 bytes?
 * Never by what the structure itself names as its algorithm. Found out once: many reports have the same chain.
 * Source: AMD 57230; real certificates
 */
export function signedBy(structure: SignedStructure, issuer: Certificate): boolean {
  const byIssuer = known.get(structure) ?? new WeakMap<Certificate, boolean>();
  known.set(structure, byIssuer);
  const holds = byIssuer.get(issuer) ?? keySigned(structure, issuer.publicKey);
  byIssuer.set(issuer, holds);
  return holds;
}
