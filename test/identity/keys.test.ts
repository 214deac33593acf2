import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { generateKeys, publicHalf, requireP384 } from '../../lib/identity/keys.ts';
import { expect, test } from '../support/test.ts';

const WRONG_KEYS: readonly (readonly [string, () => KeyObject])[] = [
  ['ec prime256v1', () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey],
  ['ec secp521r1', () => generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey],
  ['ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ['rsa', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
];

for (const [kind, generate] of WRONG_KEYS) {
  test(`refuses a key of kind ${kind}`, () => {
    const key = generate();
    const refusal = `KEY_INVALID: ID key: expected a P-384 key (EC on secp384r1), got ${kind}`;
    expect(() => requireP384(key, 'ID key')).toThrow(refusal);
    expect(() => buildIdAuth({ idBlock: new Uint8Array(96), idKey: key })).toThrow(refusal);
  });
}

test('refuses to sign with a public key', () => {
  const idKey = createPublicKey(generateKeys().idKey);
  expect(() => buildIdAuth({ idBlock: new Uint8Array(96), idKey })).toThrow(
    'KEY_INVALID: ID key: expected a private key, got a public one',
  );
});

test('makes two different P-384 keys', () => {
  const { idKey, authorKey } = generateKeys();
  for (const key of [idKey, authorKey]) expect(() => requireP384(key, 'key')).not.toThrow();
  expect(publicHalf(idKey, 'key').equals(publicHalf(authorKey, 'key'))).toBe(false);
});
