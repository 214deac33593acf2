import { createRequire } from 'node:module';
import { HarnessError } from '../errors.ts';

const load = createRequire(import.meta.url);

function loadLibrary() {
  // The decorators of @peculiar/x509 need this before anything else of it.
  load('reflect-metadata');
  const x509 = load('@peculiar/x509') as typeof import('@peculiar/x509');
  /** The extensions as the library parsed them first: its own accessor writes each one out and parses it again. */
  class ParsedCertificate extends x509.X509Certificate {
    get parsedExtensions(): CertificateExtension[] {
      return (this.asn.tbsCertificate.extensions ?? []).map(({ extnID, critical, extnValue }) => ({
        oid: extnID,
        critical,
        value: new Uint8Array(extnValue.buffer),
      }));
    }
  }
  return { ...x509, ParsedCertificate };
}

let loaded: ReturnType<typeof loadLibrary> | undefined;

/** The library, which takes 0.2 s to load, at its first use: most processes see no certificate. */
function library(): ReturnType<typeof loadLibrary> {
  loaded ??= loadLibrary();
  return loaded;
}

/** How an issuer signed. */
export interface SignatureScheme {
  /** As WebCrypto names it: `RSA-PSS`. */
  name: string;
  hash: string | null;
  saltBytes: number | null;
}

/** An extension as it stands in a certificate. */
export interface CertificateExtension {
  oid: string;
  critical: boolean;
  /** The contents of its OCTET STRING. */
  value: Uint8Array;
}

/** What a certificate says beside names, dates and key. */
export interface CertificateDetails {
  scheme: SignatureScheme;
  /** Basic constraints; null without them. */
  constraints: { ca: boolean; pathLength: number | null } | null;
  /** Key usage; null without it. */
  usages: { signsCertificates: boolean; signsLists: boolean } | null;
  /** Every extension in order, doubles too. */
  extensions: readonly CertificateExtension[];
}

/** What a certificate list says. */
export interface CrlDetails {
  scheme: SignatureScheme;
  thisUpdate: Date;
  /** When the next list is due; null where it does not say. */
  nextUpdate: Date | null;
  /** Lower-case hex without leading zeros. */
  revokedSerials: readonly string[];
}

/** Serial numbers as they are compared: lower-case hex without leading zeros; `0` for zero. */
export function serialText(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

/** Runs the decoder, which throws errors of many kinds. @throws HarnessError CERTIFICATE_INVALID for each of them */
function decoded<T>(what: string, where: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new HarnessError({ code: 'CERTIFICATE_INVALID', what: `the ${what} cannot be decoded`, where, cause });
  }
}

/** A value of an object that came from outside its types. */
function valueAt(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, key) : undefined;
}

/** @param algorithm as WebCrypto writes it, whose types the library takes from a browser */
function schemeOf(algorithm: unknown): SignatureScheme {
  const hash = valueAt(valueAt(algorithm, 'hash'), 'name');
  const saltBytes = valueAt(algorithm, 'saltLength');
  return {
    name: String(valueAt(algorithm, 'name')),
    hash: typeof hash === 'string' ? hash : null,
    saltBytes: typeof saltBytes === 'number' ? saltBytes : null,
  };
}

/** Extensions that are decoded further. Source: RFC 5280, sections 4.2.1.3 and 4.2.1.9. */
const [KEY_USAGE, BASIC_CONSTRAINTS] = ['2.5.29.15', '2.5.29.19'] as const;

/** Is an extension there? Twice is refused: readers would differ in which of the two they believe. */
function isThere(extensions: readonly CertificateExtension[], oid: string): boolean {
  const count = extensions.filter((extension) => extension.oid === oid).length;
  if (count > 1) throw new Error(`extension ${oid} is there ${count} times`);
  return count === 1;
}

/** Decodes what node:crypto does not tell of a certificate. @throws HarnessError CERTIFICATE_INVALID */
export function decodeCertificate(der: Uint8Array, where: string): CertificateDetails {
  return decoded('certificate', where, () => {
    const { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, ParsedCertificate } = library();
    const certificate = new ParsedCertificate(Uint8Array.from(der));
    const extensions = certificate.parsedExtensions;
    const constraints = isThere(extensions, BASIC_CONSTRAINTS) && certificate.getExtension(BasicConstraintsExtension);
    const usage = isThere(extensions, KEY_USAGE) && certificate.getExtension(KeyUsagesExtension);
    return {
      scheme: schemeOf(certificate.signatureAlgorithm),
      constraints: constraints ? { ca: constraints.ca, pathLength: constraints.pathLength ?? null } : null,
      usages: usage
        ? {
            signsCertificates: (usage.usages & KeyUsageFlags.keyCertSign) !== 0,
            signsLists: (usage.usages & KeyUsageFlags.cRLSign) !== 0,
          }
        : null,
      extensions,
    };
  });
}

/** Decodes a certificate list. @throws HarnessError CERTIFICATE_INVALID */
export function decodeCrl(der: Uint8Array, where: string): CrlDetails {
  return decoded('certificate list', where, () => {
    const crl = new (library().X509Crl)(Uint8Array.from(der));
    return {
      scheme: schemeOf(crl.signatureAlgorithm),
      thisUpdate: crl.thisUpdate,
      nextUpdate: crl.nextUpdate ?? null,
      revokedSerials: crl.entries.map(({ serialNumber }) => serialText(serialNumber)),
    };
  });
}
