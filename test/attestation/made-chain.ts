import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Anchor } from '../../lib/attestation/anchors.ts';
import { readCertificate, readCrl } from '../../lib/attestation/certificate.ts';
import { projectPath } from '../support/paths.ts';
import { bits, boolean, element, ia5, integer, name, octets, oid, sequence, time } from './der-writer.ts';

/** A key pair of these tests. */
export interface Pair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const pairs = new Map<string, Pair>();

/** RSA keys of 4096 bits, which take seconds to make. They are of these tests alone and protect nothing. */
const RSA_4096_FILE = projectPath('test', 'attestation', 'made-keys.pem');
const RSA_4096_ROLES = ['ARK', 'ASK', 'renewed ASK'] as const;

/** The key pair of an issuer. */
export function issuerPair(role: (typeof RSA_4096_ROLES)[number]): Pair {
  const known = pairs.get(role);
  if (known !== undefined) return known;
  const keys = readFileSync(RSA_4096_FILE, 'utf8').split(/(?<=-----END PRIVATE KEY-----\n)/);
  const privateKey = createPrivateKey(keys[RSA_4096_ROLES.indexOf(role)] ?? '');
  const made = { privateKey, publicKey: createPublicKey(privateKey) };
  pairs.set(role, made);
  return made;
}

/** A key pair that is made when it is first needed, by name. */
export function pair(role: string, kind: 'p384' | 'p256' | 'rsa2048'): Pair {
  const known = pairs.get(role);
  if (known !== undefined) return known;
  const made =
    kind === 'rsa2048'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: kind === 'p384' ? 'secp384r1' : 'prime256v1' });
  pairs.set(role, made);
  return made;
}

const SHA384 = sequence(oid('2.16.840.1.101.3.4.2.2'), element(0x05));
const MGF1_SHA384 = sequence(oid('1.2.840.113549.1.1.8'), SHA384);

/** RSASSA-PSS with SHA-384 and a salt of 48 bytes; older real certificates state the trailer field, newer do not. */
export function pssAlgorithm(trailer: 'stated' | 'implied', saltBytes = 48): Uint8Array {
  return sequence(
    oid('1.2.840.113549.1.1.10'),
    sequence(
      element(0xa0, SHA384),
      element(0xa1, MGF1_SHA384),
      element(0xa2, integer(saltBytes)),
      ...(trailer === 'stated' ? [element(0xa3, integer(1))] : []),
    ),
  );
}

/** An extension of a certificate. */
export interface MadeExtension {
  oid: string;
  value: Uint8Array;
  critical?: boolean;
}

/** What a made certificate says. */
export interface MadeCertificate {
  issuer: readonly (readonly [string, string])[];
  subject: readonly (readonly [string, string])[];
  serial: number;
  notBefore: Date;
  notAfter: Date;
  publicKey: KeyObject;
  extensions: readonly MadeExtension[];
  signer: KeyObject;
  /** The algorithm that the certificate states inside and outside. */
  stated: Uint8Array;
  statedOutside?: Uint8Array;
  /** What the signature is really made with. */
  saltBytes?: number;
  hash?: string;
}

/** SHA-256 of a key's SubjectPublicKeyInfo, as hex. */
function spkiSha256(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

const signatures = new Map<string, Uint8Array>();

/** A signature, made once: most certificates of a scenario are those of every other. */
function rsaSignature(body: Uint8Array, signer: KeyObject, hash: string, saltLength: number): Uint8Array {
  const role = spkiSha256(createPublicKey(signer));
  const name = `${role} ${hash} ${saltLength} ${Buffer.from(body).toString('base64')}`;
  const known = signatures.get(name);
  if (known !== undefined) return known;
  const made = sign(hash, body, { key: signer, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  signatures.set(name, made);
  return made;
}

type Signing = Pick<MadeCertificate, 'signer' | 'stated' | 'statedOutside' | 'saltBytes' | 'hash'>;

function signedDer(body: Uint8Array, { signer, stated, statedOutside, saltBytes, hash }: Signing): Uint8Array {
  const signature = rsaSignature(body, signer, hash ?? 'sha384', saltBytes ?? 48);
  return new Uint8Array(sequence(body, statedOutside ?? stated, bits(signature)));
}

/** DER of a certificate. */
export function certificateDer(made: MadeCertificate): Uint8Array {
  const extensions = made.extensions.map((extension) =>
    sequence(oid(extension.oid), ...(extension.critical ? [boolean(true)] : []), octets(extension.value)),
  );
  const body = sequence(
    element(0xa0, integer(2)),
    integer(made.serial),
    made.stated,
    name(made.issuer),
    sequence(time(made.notBefore), time(made.notAfter)),
    name(made.subject),
    made.publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  );
  return signedDer(body, made);
}

/** What a made list of revoked certificates says. */
export interface MadeCrl {
  issuer: readonly (readonly [string, string])[];
  thisUpdate: Date;
  nextUpdate: Date | null;
  serials: readonly number[];
  signer: KeyObject;
  stated: Uint8Array;
}

/** DER of a list of revoked certificates. */
export function crlDer(made: MadeCrl): Uint8Array {
  const entries = made.serials.map((serial) => sequence(integer(serial), time(made.thisUpdate)));
  const body = sequence(
    integer(1),
    made.stated,
    name(made.issuer),
    time(made.thisUpdate),
    ...(made.nextUpdate === null ? [] : [time(made.nextUpdate)]),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  return signedDer(body, made);
}

/** The moment for which everything made here is valid. */
export const NOW = new Date('2026-06-01T12:00:00Z');
const FROM = new Date('2026-01-01T00:00:00Z');
const UNTIL = new Date('2046-01-01T00:00:00Z');

export const ORGANIZATION = 'Testing of snp-conform';

/** A name of the made chain. */
export function madeName(commonName: string, organization = ORGANIZATION): readonly (readonly [string, string])[] {
  return [
    ['OU', 'Tests'],
    ['C', 'US'],
    ['O', organization],
    ['CN', commonName],
  ];
}

/** Basic constraints and key usage of an issuer. */
export function issuerExtensions(pathLength: number | null, usage = 0x06): MadeExtension[] {
  const path = pathLength === null ? [] : [integer(pathLength)];
  return [
    { oid: '2.5.29.19', critical: true, value: sequence(boolean(true), ...path) },
    { oid: '2.5.29.15', critical: true, value: bits(Uint8Array.of(usage), 1) },
  ];
}

const ARC = '1.3.6.1.4.1.3704.1';
const spl = (suffix: string, level: number): MadeExtension => ({ oid: `${ARC}.3.${suffix}`, value: integer(level) });

/** AMD's extensions of a Milan or Genoa leaf, of a made TCB. */
export function oldExtensions(product: string, levels: { bl: number; tee: number; snp: number; ucode: number }) {
  return [
    { oid: `${ARC}.1`, value: integer(0) },
    { oid: `${ARC}.2`, value: ia5(product) },
    spl('1', levels.bl),
    spl('2', levels.tee),
    ...['4', '5', '6', '7'].map((suffix) => spl(suffix, 0)),
    spl('3', levels.snp),
    spl('8', levels.ucode),
  ];
}

/** AMD's extensions of a Turin leaf. */
export function newExtensions(levels: { fmc: number; bl: number; tee: number; snp: number; ucode: number }) {
  return [
    { oid: `${ARC}.1`, value: integer(1) },
    { oid: `${ARC}.2`, value: ia5('Turin') },
    spl('9', levels.fmc),
    spl('1', levels.bl),
    spl('2', levels.tee),
    spl('3', levels.snp),
    ...['5', '6', '7'].map((suffix) => spl(suffix, 0)),
    spl('8', levels.ucode),
  ];
}

export const hwId = (value: Uint8Array): MadeExtension => ({ oid: `${ARC}.4`, value });
export const cspIdOf = (text: string): MadeExtension => ({ oid: `${ARC}.5`, value: ia5(text) });

/** 64 bytes that begin as a wrapped value would, so that only their number tells that they are raw. */
export const CHIP_ID = Uint8Array.from({ length: 64 }, (_, index) => (index === 0 ? 0x04 : 0x40 + index));
export const SHORT_CHIP_ID = Uint8Array.of(2, 8, 0xaa, 1, 2, 3, 4, 5);

/** The three certificates, what they say; a test changes one thing of it. */
export interface MadeChain {
  root: MadeCertificate;
  intermediate: MadeCertificate;
  leaf: MadeCertificate;
  crl: MadeCrl;
  anchor: Anchor;
}

/** What a chain is made for. */
export type MadeFor = 'Milan VCEK' | 'Milan VLEK' | 'Turin VCEK';

export const CSP_ID = 'CN=cc-tests.example';
export const MILAN_LEVELS = { bl: 4, tee: 1, snp: 24, ucode: 219 };
export const TURIN_LEVELS = { fmc: 1, bl: 3, tee: 2, snp: 5, ucode: 97 };

function leafExtensions(madeFor: MadeFor): MadeExtension[] {
  if (madeFor === 'Turin VCEK') return [...newExtensions(TURIN_LEVELS), hwId(SHORT_CHIP_ID)];
  if (madeFor === 'Milan VLEK') return [...oldExtensions('Milan', MILAN_LEVELS), cspIdOf(CSP_ID)];
  return [...oldExtensions('Milan-B0', MILAN_LEVELS), hwId(CHIP_ID)];
}

/** A whole chain in the way of AMD's, by keys of these tests. */
export function madeChain(madeFor: MadeFor = 'Milan VCEK'): MadeChain {
  const product = madeFor === 'Turin VCEK' ? 'Turin' : 'Milan';
  const isVlek = madeFor === 'Milan VLEK';
  const ark = issuerPair('ARK');
  const ask = issuerPair('ASK');
  const leaf = pair('leaf', 'p384');
  const rootName = madeName(`ARK-${product}`);
  const intermediateName = madeName(isVlek ? `SEV-VLEK-${product}` : `SEV-${product}`);
  const stated = pssAlgorithm('stated');
  const dates = { notBefore: FROM, notAfter: UNTIL };
  return {
    root: {
      issuer: rootName,
      subject: rootName,
      serial: 0x10000,
      ...dates,
      publicKey: ark.publicKey,
      extensions: issuerExtensions(null),
      signer: ark.privateKey,
      stated,
    },
    intermediate: {
      issuer: rootName,
      subject: intermediateName,
      serial: 0x10001,
      ...dates,
      publicKey: ask.publicKey,
      extensions: issuerExtensions(0),
      signer: ark.privateKey,
      stated,
    },
    leaf: {
      issuer: intermediateName,
      subject: madeName(isVlek ? 'SEV-VLEK' : 'SEV-VCEK'),
      serial: 0,
      ...dates,
      publicKey: leaf.publicKey,
      extensions: leafExtensions(madeFor),
      signer: ask.privateKey,
      stated: pssAlgorithm('implied'),
    },
    crl: {
      issuer: rootName,
      thisUpdate: new Date('2026-05-20T00:00:00Z'),
      nextUpdate: new Date('2026-07-20T00:00:00Z'),
      serials: [0x99],
      signer: ark.privateKey,
      stated,
    },
    anchor: { product, chainName: product, organization: ORGANIZATION, spkiSha256: spkiSha256(ark.publicKey) },
  };
}

/** The certificates of a chain, read. */
export function certificatesOf({ root, intermediate, leaf }: Pick<MadeChain, 'root' | 'intermediate' | 'leaf'>) {
  return [
    readCertificate(certificateDer(leaf), 'leaf'),
    readCertificate(certificateDer(intermediate), 'intermediate'),
    readCertificate(certificateDer(root), 'root'),
  ];
}

/** A made list, read. */
export const crlOfChain = ({ crl }: Pick<MadeChain, 'crl'>) => readCrl(crlDer(crl), 'list');
