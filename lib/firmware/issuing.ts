import { constants, type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  integer,
  isTrue,
  nullValue,
  octetString,
  oid,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './der.ts';

/** A certificate and the key that it is of. */
export interface Issuer {
  /** DER. */
  certificate: Uint8Array;
  /** Common name. */
  commonName: string;
  key: KeyObject;
}

/** The dates of a certificate or list. */
export interface Dates {
  notBefore: Date;
  notAfter: Date;
}

/** An extension: the value stands in an OCTET STRING. */
export interface Extension {
  oid: string;
  critical?: true;
  value: Uint8Array;
}

/** What a certificate says. */
export interface CertificateContents {
  serialNumber: bigint;
  subject: string;
  /** SubjectPublicKeyInfo, DER. */
  publicKey: Uint8Array;
  dates: Dates;
  extensions: readonly Extension[];
}

/** O of every emulated certificate: none of them is AMD's, and each says so. */
export const EMULATED_ORGANIZATION = 'snp-conform emulation';
const EMULATED_UNIT = 'emulated keys that no hardware ever held';

/** Source: RFC 4519 */
const NAME_OID = { O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3' } as const;
/** Source: RFC 8017, appendix A.2.3; RFC 4055 */
const OID_RSASSA_PSS = '1.2.840.113549.1.1.10';
const OID_MGF1 = '1.2.840.113549.1.1.8';
const OID_SHA384 = '2.16.840.1.101.3.4.2.2';
const SALT_BYTES = 48;

const sha384 = sequence(oid(OID_SHA384), nullValue());
/** RSASSA-PSS as AMD's certificates have it: SHA-384, MGF1 with SHA-384, salt of 48 bytes. */
const SIGNATURE_ALGORITHM = sequence(
  oid(OID_RSASSA_PSS),
  sequence(tagged(0, sha384), tagged(1, sequence(oid(OID_MGF1), sha384)), tagged(2, integer(SALT_BYTES))),
);

function name(commonName: string): Uint8Array {
  const parts = { OU: EMULATED_UNIT, O: EMULATED_ORGANIZATION, CN: commonName };
  const rows = Object.entries(parts) as [keyof typeof NAME_OID, string][];
  return sequence(...rows.map(([key, text]) => set(sequence(oid(NAME_OID[key]), utf8String(text)))));
}

function signed(contents: Uint8Array, key: KeyObject): Uint8Array {
  const signature = sign('sha384', contents, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: SALT_BYTES,
  });
  return sequence(contents, SIGNATURE_ALGORITHM, bitString(signature));
}

function extensionBytes({ oid: id, critical, value }: Extension): Uint8Array {
  return sequence(oid(id), ...(critical ? [isTrue()] : []), octetString(value));
}

/**
 * Issues a certificate. @param issuer common name and RSA key of who signs, which may be the subject itself
 * @returns DER   Source: RFC 5280, section 4.1
 */
export function issueCertificate(
  contents: CertificateContents,
  issuer: Pick<Issuer, 'commonName' | 'key'>,
): Uint8Array {
  const { serialNumber, subject, publicKey, dates, extensions } = contents;
  const version3 = tagged(0, integer(2));
  return signed(
    sequence(
      version3,
      integer(serialNumber),
      SIGNATURE_ALGORITHM,
      name(issuer.commonName),
      sequence(time(dates.notBefore), time(dates.notAfter)),
      name(subject),
      publicKey,
      tagged(3, sequence(...extensions.map(extensionBytes))),
    ),
    issuer.key,
  );
}

/** Issues a list of revoked certificates. @returns DER   Source: RFC 5280, section 5.1 */
export function issueCrl(revokedSerials: readonly bigint[], dates: Dates, issuer: Issuer): Uint8Array {
  const rows = revokedSerials.map((serial) => sequence(integer(serial), time(dates.notBefore)));
  const version2 = integer(1);
  return signed(
    sequence(
      version2,
      SIGNATURE_ALGORITHM,
      name(issuer.commonName),
      time(dates.notBefore),
      time(dates.notAfter),
      ...(rows.length > 0 ? [sequence(...rows)] : []),
    ),
    issuer.key,
  );
}
