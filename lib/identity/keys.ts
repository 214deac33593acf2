import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { HarnessError } from '../errors.ts';

/** The name that node:crypto gives to P-384. */
const NAMED_CURVE = 'secp384r1';

/**
 * Insists on an ECDSA P-384 key, the only kind that ID auth and attestation reports know.
 * @param role what the key is for, as messages name it   @param where its file
 * @throws HarnessError KEY_INVALID, both kinds named
 * Source: AMD 56860, ID authentication information structure
 */
export function requireP384(key: KeyObject, role: string, where?: string): void {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === 'ec' && curve === NAMED_CURVE) return;
  const kind = [key.asymmetricKeyType ?? key.type, curve].filter((part) => part !== undefined).join(' ');
  throw new HarnessError({
    code: 'KEY_INVALID',
    what: `${role}: expected a P-384 key (EC on ${NAMED_CURVE}), got ${kind}`,
    where,
    hint: `snp-conform keygen id.pem makes one, and so does openssl ecparam -name ${NAMED_CURVE} -genkey -noout -out id.pem`,
  });
}

/** Insists on the private half of a P-384 key. @throws HarnessError KEY_INVALID */
export function requirePrivateP384(key: KeyObject, role: string, where?: string): void {
  requireP384(key, role, where);
  if (key.type !== 'private') {
    throw new HarnessError({
      code: 'KEY_INVALID',
      what: `${role}: expected a private key, got a ${key.type} one`,
      where,
    });
  }
}

/** The public half of a P-384 key of either half. @throws HarnessError KEY_INVALID */
export function publicHalf(key: KeyObject, role: string): KeyObject {
  requireP384(key, role);
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** The keys of a guest owner: ID_KEY signs the ID block, AUTHOR_KEY signs ID_KEY. */
export interface OwnerKeys {
  idKey: KeyObject;
  authorKey: KeyObject;
}

/** A fresh private P-384 key. */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: NAMED_CURVE }).privateKey;
}

/** Fresh P-384 keys, for runs that bring none of their own. */
export function generateKeys(): OwnerKeys {
  return { idKey: generateKey(), authorKey: generateKey() };
}
