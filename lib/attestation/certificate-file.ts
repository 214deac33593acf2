import { CERTIFICATE_GUIDS, type CertificateTableEntry, parseCertificateTable } from '../abi/certificate-table.ts';
import { HarnessError } from '../errors.ts';
import { type Certificate, type Crl, readCertificate, readCrl } from './certificate.ts';
import { signedStructure } from './der.ts';

/** What one file, or one table of a host, holds. */
export interface CertificateBundle {
  certificates: Certificate[];
  crls: Crl[];
}

/** More than any file of certificates or buffer of an extended request holds. */
export const CERTIFICATE_FILE_BYTES_MAX = 4 * 1024 * 1024;

const BLOCKS_MAX = 4096;

function refuse(what: string, where: string): HarnessError {
  return new HarnessError({
    code: 'CERTIFICATE_INVALID',
    what,
    where,
    hint: 'a certificate or list as PEM or DER, or the table of certificates that a host gave its guest',
  });
}

/** Both begin like a list of two; only a certificate's first part has six. */
function readDer(der: Uint8Array, where: string): CertificateBundle {
  const structure = signedStructure(der);
  if (structure === undefined) throw refuse('this is no DER of a certificate or certificate list', where);
  // Serial, algorithm, issuer, dates, subject, key: where a certificate has its dates, a list has one time, or its entries.
  const [serial, , , dates, , key] = structure.fields;
  const isCertificate = serial?.tag === 0x02 && dates?.tag === 0x30 && key?.tag === 0x30;
  return isCertificate
    ? { certificates: [readCertificate(der, where)], crls: [] }
    : { certificates: [], crls: [readCrl(der, where)] };
}

function joined(bundles: readonly CertificateBundle[]): CertificateBundle {
  return {
    certificates: bundles.flatMap(({ certificates }) => certificates),
    crls: bundles.flatMap(({ crls }) => crls),
  };
}

const PEM_BLOCK = /-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The certificates and lists of PEM text; keys and whatever else stands in it are passed over. */
function readPem(text: string, where: string): CertificateBundle {
  const blocks = [...text.matchAll(PEM_BLOCK)];
  const begun = text.split(/-----BEGIN (?:CERTIFICATE|X509 CRL)-----/).length - 1;
  if (blocks.length !== begun) throw refuse(`${begun} blocks of PEM begin, ${blocks.length} are whole`, where);
  if (blocks.length > BLOCKS_MAX) throw refuse(`more than ${BLOCKS_MAX} blocks of PEM`, where);
  return joined(
    blocks.map(([, , base64 = ''], index) => {
      const place = blocks.length === 1 ? where : `${where}, block ${index + 1}`;
      return readDer(new Uint8Array(Buffer.from(base64, 'base64')), place);
    }),
  );
}

const NAMES = new Map(Object.entries(CERTIFICATE_GUIDS).map(([name, guid]): [string, string] => [guid, name]));

/**
 * Reads the certificates of a host's table; rows with an unknown GUID hold something else and are passed over. What a row
 * holds is told by its contents: hosts put ASVK in the row of the ASK.
 * @throws HarnessError CERTIFICATE_INVALID
 */
function readTableEntries(entries: readonly CertificateTableEntry[], where: string): CertificateBundle {
  return joined(
    entries.flatMap(({ guid, contents }) => {
      const name = NAMES.get(guid);
      return name === undefined ? [] : [readDer(contents, `${where}, ${name}`)];
    }),
  );
}

/**
 * Reads what a file holds, whatever its name: PEM or DER of certificates and lists, or the table of certificates that a
 * host gave its guest.
 * @param bytes at most CERTIFICATE_FILE_BYTES_MAX   @param where for messages, and in the certificates read
 * @returns both empty for an empty table   @throws HarnessError CERTIFICATE_INVALID, CERTIFICATE_TABLE_INVALID
 */
export function readCertificateFile(bytes: Uint8Array, where: string): CertificateBundle {
  if (bytes.length > CERTIFICATE_FILE_BYTES_MAX) {
    throw refuse(`${bytes.length} bytes, more than ${CERTIFICATE_FILE_BYTES_MAX}`, where);
  }
  if (signedStructure(bytes) !== undefined) return readDer(bytes, where);
  const text = Buffer.from(bytes).toString('latin1');
  if (text.includes('-----BEGIN ')) return readPem(text, where);
  if (bytes[0] === 0x30) throw refuse('this is no DER of a certificate or certificate list', where);
  return readTableEntries(parseCertificateTable(bytes), where);
}
