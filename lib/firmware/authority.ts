import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { bitString, integer, isTrue, sequence } from './der.ts';
import { type Dates, EMULATED_ORGANIZATION, type Extension, type Issuer, issueCertificate } from './issuing.ts';
import type { ProductName } from './platform.ts';

/** The issuers of one product's emulated certificates, in the roles of AMD's. */
export interface Authority {
  product: ProductName;
  ark: Issuer;
  ask: Issuer;
  asvk: Issuer;
}

/** The keys of an authority; RSA 4096 as AMD's are. */
export interface AuthorityKeys {
  ark: KeyObject;
  ask: KeyObject;
  asvk: KeyObject;
}

/** Serial numbers, of which lists of revoked certificates speak. */
export const AUTHORITY_SERIALS = { ark: 0xe0000n, ask: 0xe0001n, asvk: 0xe0101n } as const;

const RSA_BITS = 4096;
const YEARS = 25;
/** Source: RFC 5280, sections 4.2.1.9 and 4.2.1.3. */
const OID_BASIC_CONSTRAINTS = '2.5.29.19';
const OID_KEY_USAGE = '2.5.29.15';
/** Bits 5 and 6 of KeyUsage: keyCertSign, cRLSign. */
const SIGNS_CERTIFICATES = bitString(Uint8Array.of(0x04), 2);
const SIGNS_BOTH = bitString(Uint8Array.of(0x06), 1);

/** Makes new keys, which takes seconds. */
export async function generateAuthorityKeys(modulusLength = RSA_BITS): Promise<AuthorityKeys> {
  const generate = async (): Promise<KeyObject> =>
    (await promisify(generateKeyPair)('rsa', { modulusLength, publicExponent: 65537 })).privateKey;
  const [ark, ask, asvk] = await Promise.all([generate(), generate(), generate()]);
  return { ark, ask, asvk };
}

/** SubjectPublicKeyInfo of a private key, DER. */
function publicKeyOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** A moment so many years later. */
export function yearsAfter(date: Date, years: number): Date {
  const later = new Date(date);
  later.setUTCFullYear(later.getUTCFullYear() + years);
  return later;
}

function authorityExtensions(role: 'root' | 'intermediate'): Extension[] {
  const constraints = role === 'root' ? sequence(isTrue()) : sequence(isTrue(), integer(0));
  const usage = role === 'root' ? SIGNS_BOTH : SIGNS_CERTIFICATES;
  return [
    { oid: OID_BASIC_CONSTRAINTS, critical: true, value: constraints },
    { oid: OID_KEY_USAGE, critical: true, value: usage },
  ];
}

/** What the common names of a product's emulated chain end in. */
function chainNameOf(product: ProductName): string {
  return `emulated-${product}`;
}

/** Issues ARK, ASK and ASVK of a product. @param now they are valid from then, for 25 years */
export function createAuthority(product: ProductName, keys: AuthorityKeys, now: Date): Authority {
  const chainName = chainNameOf(product);
  const dates: Dates = { notBefore: now, notAfter: yearsAfter(now, YEARS) };
  const issued = (role: keyof AuthorityKeys, commonName: string, by: Pick<Issuer, 'commonName' | 'key'>): Issuer => ({
    commonName,
    key: keys[role],
    certificate: issueCertificate(
      {
        serialNumber: AUTHORITY_SERIALS[role],
        subject: commonName,
        publicKey: publicKeyOf(keys[role]),
        dates,
        extensions: authorityExtensions(role === 'ark' ? 'root' : 'intermediate'),
      },
      by,
    ),
  });
  const root = { commonName: `ARK-${chainName}`, key: keys.ark };
  return {
    product,
    ark: issued('ark', root.commonName, root),
    ask: issued('ask', `SEV-${chainName}`, root),
    asvk: issued('asvk', `SEV-VLEK-${chainName}`, root),
  };
}

/** What a verifier must be given, and must mean to be given, to trust an emulated root. */
export interface EmulatedAnchor {
  product: ProductName;
  chainName: string;
  organization: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo, as lower-case hex. */
  spkiSha256: string;
}

/** The anchor of an authority. */
export function anchorOf({ product, ark }: Authority): EmulatedAnchor {
  const spkiSha256 = createHash('sha256').update(publicKeyOf(ark.key)).digest('hex');
  return { product, chainName: chainNameOf(product), organization: EMULATED_ORGANIZATION, spkiSha256 };
}
