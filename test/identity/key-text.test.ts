import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { idKeyDigest } from '../../lib/identity/id-auth.ts';
import { privateKeyPem, readPrivateKey, readPublicKey } from '../../lib/identity/key-text.ts';
import { generateKey } from '../../lib/identity/keys.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { SEV_SNP_MEASURE } from './published-blocks.ts';

const SOURCE = { role: 'ID key', where: 'keys/id.pem' };
const key = generateKey();
const passphrase = Buffer.from('hush hush');
const encrypted = { cipher: 'aes-256-cbc', passphrase } as const;
const bytesOf = (text: string | Buffer): Uint8Array => new Uint8Array(Buffer.from(text));
const EC_PARAMETERS = '-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n';

const PLAIN: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['SEC1 in PEM', bytesOf(key.export({ type: 'sec1', format: 'pem' }))],
  ['SEC1 in PEM after EC PARAMETERS', bytesOf(`${EC_PARAMETERS}${key.export({ type: 'sec1', format: 'pem' })}`)],
  ['PKCS #8 in PEM', bytesOf(key.export({ type: 'pkcs8', format: 'pem' }))],
  ['SEC1 in DER', bytesOf(key.export({ type: 'sec1', format: 'der' }))],
  ['PKCS #8 in DER', bytesOf(key.export({ type: 'pkcs8', format: 'der' }))],
];
const ENCRYPTED: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['SEC1 in PEM', bytesOf(key.export({ type: 'sec1', format: 'pem', ...encrypted }))],
  ['PKCS #8 in PEM', bytesOf(key.export({ type: 'pkcs8', format: 'pem', ...encrypted }))],
  ['PKCS #8 in DER', bytesOf(key.export({ type: 'pkcs8', format: 'der', ...encrypted }))],
];

for (const [what, bytes] of PLAIN) {
  test(`reads a private key of ${what}`, () => {
    expect(readPrivateKey(bytes, SOURCE).equals(key)).toBe(true);
    expect(readPrivateKey(bytes, SOURCE, passphrase).equals(key)).toBe(true);
  });
}

for (const [what, bytes] of ENCRYPTED) {
  test(`reads an encrypted private key of ${what}, with its passphrase alone`, () => {
    expect(readPrivateKey(bytes, SOURCE, passphrase).equals(key)).toBe(true);
    const missing = harnessErrorOf(() => readPrivateKey(bytes, SOURCE));
    expect(missing.code).toBe('KEY_PASSPHRASE');
    expect(missing.what).toContain('no passphrase is given');
    const wrong = harnessErrorOf(() => readPrivateKey(bytes, SOURCE, Buffer.from('wrong')));
    expect(wrong.code).toBe('KEY_PASSPHRASE');
    expect(`${wrong.message}`).not.toContain('hush');
  });
}

const { privateKey: rsaKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
const pem = (other: KeyObject): Uint8Array => bytesOf(other.export({ type: 'pkcs8', format: 'pem' }));
const STRANGE: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
  ['a P-256 key', pem(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey), /got ec prime256v1/],
  ['an Ed25519 key', pem(generateKeyPairSync('ed25519').privateKey), /got ed25519/],
  ['an RSA key', pem(rsaKey), /got rsa/],
  ['a public key', bytesOf(createPublicKey(key).export({ type: 'spki', format: 'pem' })), /it is a public key/],
  ['a certificate', bytesOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /it is a certificate/],
  [
    'an OpenSSH key',
    bytesOf('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n'),
    /OpenSSH key[\s\S]*ssh-keygen -p -m PKCS8/,
  ],
  ['no key at all', bytesOf('no PEM at all'), /no private key can be read here/],
  ['half a key', bytesOf(key.export({ type: 'pkcs8', format: 'pem' }).slice(0, 100)), /no private key can be read/],
  ['nothing', new Uint8Array(), /no private key can be read here/],
];

for (const [what, bytes, message] of STRANGE) {
  test(`refuses ${what} as a private key, and names the file and none of its text`, () => {
    const error = harnessErrorOf(() => readPrivateKey(bytes, SOURCE));
    expect(error.code).toBe('KEY_INVALID');
    expect(error.message).toMatch(message);
    const secret = Buffer.from(bytes).toString('latin1').split('\n')[1];
    if (secret !== undefined && secret !== '') expect(error.message).not.toContain(secret);
  });
}

test('a private key is written in both formats, and encrypted', () => {
  for (const type of ['sec1', 'pkcs8'] as const) {
    expect(readPrivateKey(bytesOf(privateKeyPem(key, { type })), SOURCE).equals(key)).toBe(true);
  }
  const text = privateKeyPem(key, { type: 'pkcs8', passphrase });
  expect(text).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  expect(readPrivateKey(bytesOf(text), SOURCE, passphrase).equals(key)).toBe(true);
  expect(() => privateKeyPem(key, { type: 'sec1', passphrase })).toThrow(/^KEY_INVALID: SEC1 is not written encrypted/);
});

test('a public key is read from PEM, DER, the 1028 bytes, and a private key', () => {
  const publicKey = createPublicKey(key);
  for (const bytes of [
    bytesOf(publicKey.export({ type: 'spki', format: 'pem' })),
    bytesOf(publicKey.export({ type: 'spki', format: 'der' })),
    snpPublicKey(key),
    ...PLAIN.map(([, plain]) => plain),
  ]) {
    expect(readPublicKey(bytes, SOURCE).equals(publicKey)).toBe(true);
  }
});

test('what is no public P-384 key is refused', () => {
  expect(() => readPublicKey(pem(rsaKey), SOURCE)).toThrow(/^KEY_INVALID: .*got rsa/);
  expect(() => readPublicKey(bytesOf('nothing'), SOURCE)).toThrow(
    /^KEY_INVALID: ID key: no public key can be read here/,
  );
  for (const [, bytes] of ENCRYPTED) {
    expect(() => readPublicKey(bytes, SOURCE)).toThrow(/^KEY_PASSPHRASE: .*no passphrase is given/);
    expect(readPublicKey(bytes, SOURCE, passphrase).equals(createPublicKey(key))).toBe(true);
  }
});

// Source: virtee/sev-snp-measure, tests/test_id_block.py: id_key_hash of its test key.
test('the digest of a key is the one that sev-snp-measure has', () => {
  const spki = Buffer.concat([
    Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
    Buffer.from(`04${SEV_SNP_MEASURE.x}${SEV_SNP_MEASURE.y}`, 'hex'),
  ]);
  const read = readPublicKey(new Uint8Array(spki), SOURCE);
  expect(idKeyDigest(snpPublicKey(read))).toEqual(SEV_SNP_MEASURE.idKeyDigest);
});
