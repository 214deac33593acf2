import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ECDSA_PUBLIC_KEY } from '../abi/id-auth.ts';
import { sizeOf } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { publicKeyOf } from './ecdsa.ts';
import { publicHalf, requireP384, requirePrivateP384 } from './keys.ts';

/** What is said of a key in messages; none of them holds anything of its bytes. */
export interface KeySource {
  /** What the key is for: `ID key`. */
  role: string;
  /** The file that it came from. */
  where: string;
}

/** How a key is written: PEM or DER, SEC1 or PKCS #8. */
interface Encoding {
  isPem: boolean;
  isEncrypted: boolean;
}

const PEM = /-----BEGIN [A-Z0-9 ]{1,40}-----/;
const ENCRYPTED_PEM = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED\s*$/m;
/** What PEM files hold that is no private key, and what to do with each. */
const OTHER_PEM: readonly (readonly [label: RegExp, what: string, hint: string])[] = [
  [
    /-----BEGIN PUBLIC KEY-----/,
    'a public key',
    'give the private key; a public one only goes with an external signer',
  ],
  [/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/, 'a certificate', 'give the private key of it'],
  [/-----BEGIN OPENSSH PRIVATE KEY-----/, 'an OpenSSH key', 'ssh-keygen -p -m PKCS8 -f FILE converts it'],
  [/-----BEGIN RSA PRIVATE KEY-----/, 'an RSA key', 'ID keys are EC keys on P-384'],
];
const FORMATS = 'PEM or DER; SEC1 or PKCS #8';

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Every way in which a private key may be written, tried in turn. @returns the first that can be read */
function parsePrivate(bytes: Uint8Array, isPem: boolean, passphrase: Uint8Array | undefined): KeyObject {
  const key = Buffer.from(bytes);
  const secret = passphrase === undefined ? {} : { passphrase: Buffer.from(passphrase) };
  if (isPem) return createPrivateKey({ key, format: 'pem', ...secret });
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8', ...secret });
  } catch (asPkcs8) {
    try {
      return createPrivateKey({ key, format: 'der', type: 'sec1', ...secret });
    } catch {
      // What PKCS #8 said is the better reason: it tells an encrypted key, which SEC1 in DER cannot be.
      throw asPkcs8;
    }
  }
}

function isEncryptedDer(bytes: Uint8Array): boolean {
  try {
    createPrivateKey({ key: Buffer.from(bytes), format: 'der', type: 'pkcs8' });
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ERR_MISSING_PASSPHRASE';
  }
}

function encodingOf(bytes: Uint8Array): Encoding {
  const text = asText(bytes);
  const isPem = PEM.test(text);
  return { isPem, isEncrypted: isPem ? ENCRYPTED_PEM.test(text) : isEncryptedDer(bytes) };
}

function unreadable(bytes: Uint8Array, { role, where }: KeySource, cause: unknown): HarnessError {
  const text = asText(bytes);
  const other = OTHER_PEM.find(([label]) => label.test(text));
  const what = `${role}: no private key can be read here${other === undefined ? '' : `: it is ${other[1]}`}`;
  return new HarnessError({ code: 'KEY_INVALID', what, where, hint: other?.[2] ?? FORMATS, cause });
}

/**
 * Reads a P-384 private key: PEM or DER, SEC1 or PKCS #8, encrypted or not; what is before or after it in a PEM file, such as
 * EC PARAMETERS, does not matter.
 * @param passphrase of an encrypted key; of one that is not encrypted it is not used
 * @throws HarnessError KEY_INVALID; KEY_PASSPHRASE where it is encrypted and the passphrase is missing or wrong
 */
export function readPrivateKey(bytes: Uint8Array, source: KeySource, passphrase?: Uint8Array): KeyObject {
  const { role, where } = source;
  const { isPem, isEncrypted } = encodingOf(bytes);
  if (isEncrypted && passphrase === undefined) {
    throw new HarnessError({
      code: 'KEY_PASSPHRASE',
      what: `${role}: the key is encrypted, and no passphrase is given`,
      where,
      hint: 'name the file or the environment variable that holds it; it is never an argument',
    });
  }
  let key: KeyObject;
  try {
    key = parsePrivate(bytes, isPem, passphrase);
  } catch (cause) {
    if (!isEncrypted) throw unreadable(bytes, source, cause);
    const what = `${role}: the passphrase is wrong, or the key is damaged`;
    throw new HarnessError({ code: 'KEY_PASSPHRASE', what, where, cause });
  }
  requirePrivateP384(key, role, where);
  return key;
}

/**
 * Reads a P-384 public key: PEM or DER of a public key, the PEM of a certificate, the 1028 bytes of an ID auth; or a private
 * key, for its public half.
 * @param passphrase of an encrypted private key
 * @throws HarnessError KEY_INVALID; KEY_PASSPHRASE for an encrypted private key whose passphrase is missing or wrong
 */
export function readPublicKey(bytes: Uint8Array, source: KeySource, passphrase?: Uint8Array): KeyObject {
  const { role, where } = source;
  if (bytes.length === sizeOf(ECDSA_PUBLIC_KEY)) return publicKeyOf(bytes);
  const { isPem, isEncrypted } = encodingOf(bytes);
  if (isEncrypted) return publicHalf(readPrivateKey(bytes, source, passphrase), role);
  let read: KeyObject;
  try {
    read = parsePublic(Buffer.from(bytes), isPem);
  } catch (cause) {
    const what = `${role}: no public key can be read here`;
    const hint = 'a public key in PEM or DER, a certificate in PEM, or the 1028 bytes of an ID auth';
    throw new HarnessError({ code: 'KEY_INVALID', what, where, hint, cause });
  }
  requireP384(read, role, where);
  return read;
}

function parsePublic(key: Buffer, isPem: boolean): KeyObject {
  if (isPem) return createPublicKey({ key, format: 'pem' });
  try {
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch {
    // Then it may be a private key; what that says of anything else is as good a reason.
    return createPublicKey(parsePrivate(key, false, undefined));
  }
}

/** How a private key is written down. */
export interface KeyFormat {
  type: 'pkcs8' | 'sec1';
  /** Encrypts it with AES-256-CBC; only PKCS #8 is written encrypted. */
  passphrase?: Uint8Array | undefined;
}

/**
 * A private key as PEM text.
 * @throws HarnessError KEY_INVALID for a key that is not P-384, and for an encrypted SEC1, whose key derivation is weak (MD5)
 */
export function privateKeyPem(key: KeyObject, { type, passphrase }: KeyFormat): string {
  requirePrivateP384(key, 'key');
  if (passphrase === undefined) return key.export({ type, format: 'pem' }).toString();
  if (type === 'sec1') {
    const what = 'SEC1 is not written encrypted: its passphrase would be stretched by one round of MD5';
    throw new HarnessError({ code: 'KEY_INVALID', what, hint: 'take PKCS #8' });
  }
  const secret = { cipher: 'aes-256-cbc', passphrase: Buffer.from(passphrase) };
  return key.export({ type, format: 'pem', ...secret }).toString();
}
