import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { generateKeys, privateKeyFromPem, publicHalf, requireP384 } from '../../lib/identity/keys.ts';
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
    const refusal = `KEY_INVALID: ID key: expected an EC key on secp384r1, got ${kind}`;
    expect(() => requireP384(key, 'ID key')).toThrow(refusal);
    expect(() => buildIdAuth({ idBlock: new Uint8Array(96), idKey: key })).toThrow(refusal);
    const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => privateKeyFromPem(pem, 'ID key', 'id.pem')).toThrow(refusal);
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

for (const type of ['sec1', 'pkcs8'] as const) {
  test(`reads a private key from ${type} PEM text`, () => {
    const { idKey } = generateKeys();
    const read = privateKeyFromPem(idKey.export({ type, format: 'pem' }).toString(), 'ID key', 'id.pem');
    expect(read.equals(idKey)).toBe(true);
  });
}

test('names the file of an unreadable key and none of its text', () => {
  const { idKey } = generateKeys();
  const pem = idKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hushhush' }).toString();
  for (const text of [pem, 'no PEM at all', pem.slice(0, 100), '']) {
    let message = '';
    try {
      privateKeyFromPem(text, 'ID key', 'keys/id.pem');
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/KEY_INVALID: .*\(keys\/id\.pem\)/);
    expect(message).not.toContain(text.split('\n')[1] || 'hushhush');
  }
});
