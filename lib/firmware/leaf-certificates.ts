import { p384 } from '@noble/curves/nist.js';
import { CERTIFICATE_EXTENSIONS, SPL_EXTENSIONS, STRUCT_VERSIONS } from '../abi/certificate-extensions.ts';
import { type Authority, yearsAfter } from './authority.ts';
import type { Chip, Vlek } from './chip.ts';
import { bitString, ia5String, integer, oid, sequence } from './der.ts';
import { type Dates, type Extension, issueCertificate } from './issuing.ts';
import { PRODUCT_TRAITS } from './products.ts';

/** Real VCEKs are valid for seven years, VLEKs for one. Source: certificates of AMD's key distribution service. */
const VCEK_YEARS = 7;
const VLEK_YEARS = 1;
/** Every leaf of AMD's has this serial number. */
const SERIAL = 0n;
const OID_EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const OID_P384 = '1.3.132.0.34';

/** SubjectPublicKeyInfo of a P-384 secret of 48 bytes. Source: RFC 5480. */
function publicKeyOf(secret: Uint8Array): Uint8Array {
  return sequence(sequence(oid(OID_EC_PUBLIC_KEY), oid(OID_P384)), bitString(p384.getPublicKey(secret, false)));
}

const integerExtension = (id: string, value: number): Extension => ({ oid: id, value: integer(value) });

/** structVersion, productName and the SPLs of a TCB, in the order of AMD's certificates. */
function statements(authority: Authority, productName: string, tcb: bigint): Extension[] {
  const { tcbLayout } = PRODUCT_TRAITS[authority.product];
  return [
    integerExtension(CERTIFICATE_EXTENSIONS.structVersion, STRUCT_VERSIONS[tcbLayout]),
    { oid: CERTIFICATE_EXTENSIONS.productName, value: ia5String(productName) },
    ...SPL_EXTENSIONS[tcbLayout].map(({ oid: id, at }) =>
      integerExtension(id, Number((tcb >> BigInt(8 * at)) & 0xffn)),
    ),
  ];
}

/** What is chosen of a leaf; the dates begin now where they are not given. */
export interface LeafOptions {
  tcb: bigint;
  now: Date;
  dates?: Dates | undefined;
}

/** Issues the VCEK certificate of a chip for a TCB. @returns DER */
export function issueVcek(authority: Authority, chip: Chip, { tcb, now, dates }: LeafOptions): Uint8Array {
  const { vcekName, chipIdBytes } = PRODUCT_TRAITS[authority.product];
  const hwId = { oid: CERTIFICATE_EXTENSIONS.hwId, value: chip.platform.chipId.subarray(0, chipIdBytes) };
  return issueCertificate(
    {
      serialNumber: SERIAL,
      subject: 'SEV-VCEK',
      publicKey: publicKeyOf(chip.vcek(tcb)),
      dates: dates ?? { notBefore: now, notAfter: yearsAfter(now, VCEK_YEARS) },
      extensions: [...statements(authority, vcekName, tcb), hwId],
    },
    authority.ask,
  );
}

/** Issues the VLEK certificate that a chip has loaded, for a TCB. @param cspId of the provider whose key it is   @returns DER */
export function issueVlek(authority: Authority, vlek: Vlek, { tcb, now, dates }: LeafOptions): Uint8Array {
  const cspId = { oid: CERTIFICATE_EXTENSIONS.cspId, value: ia5String(vlek.cspId) };
  return issueCertificate(
    {
      serialNumber: SERIAL,
      subject: 'SEV-VLEK',
      publicKey: publicKeyOf(vlek.key(tcb)),
      dates: dates ?? { notBefore: now, notAfter: yearsAfter(now, VLEK_YEARS) },
      extensions: [...statements(authority, authority.product, tcb), cspId],
    },
    authority.asvk,
  );
}
