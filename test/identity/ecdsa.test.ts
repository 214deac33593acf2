import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { p384 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE } from '../../lib/abi/id-auth.ts';
import { parseLayout, serialiseLayout } from '../../lib/abi/layout.ts';
import { publicKeyOf, signatureHolds, signMessage, snpPublicKey, snpSignature } from '../../lib/identity/ecdsa.ts';
import { generateKeys, publicHalf } from '../../lib/identity/keys.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const reversed = (text: string): string => hex(fromHex(text).reverse());

// Source: RFC 6979, A.2.6, ECDSA with NIST P-384: the private key, its public key, and the signature of "sample".
const RFC6979 = {
  x: '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
  ux: 'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13',
  uy: '8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
  r: '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
  s: '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
};
const base64url = (text: string): string => Buffer.from(text, 'hex').toString('base64url');
const knownKey = createPrivateKey({
  key: { kty: 'EC', crv: 'P-384', d: base64url(RFC6979.x), x: base64url(RFC6979.ux), y: base64url(RFC6979.uy) },
  format: 'jwk',
});
const knownSignature = snpSignature(fromHex(RFC6979.r + RFC6979.s));

test('a public key is curve 2 and two coordinates, little-endian in 72 bytes each', () => {
  const padding = '00'.repeat(24);
  const expected = `02000000${reversed(RFC6979.ux)}${padding}${reversed(RFC6979.uy)}${padding}${'00'.repeat(880)}`;
  expect(hex(snpPublicKey(knownKey))).toBe(expected);
  expect(hex(snpPublicKey(publicHalf(knownKey, 'key')))).toBe(expected);
});

test('a signature that is padded is left alone, a Buffer too', () => {
  const rs = Buffer.from(RFC6979.r + RFC6979.s, 'hex');
  expect(snpSignature(rs)).toEqual(knownSignature);
  expect(hex(rs)).toBe(RFC6979.r + RFC6979.s);
});

test('a signature is R and S, little-endian in 72 bytes each', () => {
  const padding = '00'.repeat(24);
  expect(hex(knownSignature)).toBe(
    `${reversed(RFC6979.r)}${padding}${reversed(RFC6979.s)}${padding}${'00'.repeat(368)}`,
  );
});

test('the published signature of "sample" holds, and not for another message', () => {
  expect(signatureHolds(knownSignature, Buffer.from('sample'), knownKey)).toBe(true);
  expect(signatureHolds(knownSignature, Buffer.from('samples'), knownKey)).toBe(false);
});

test('a key survives the way to its structure and back', () => {
  const { idKey } = generateKeys();
  expect(publicKeyOf(snpPublicKey(idKey)).equals(publicHalf(idKey, 'key'))).toBe(true);
});

/** Verifies with an implementation that shares no code with the one that signed. */
function verifiedElsewhere(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  const scalar = (field: Uint8Array): Uint8Array => field.slice(0, 48).reverse();
  const { qx, qy } = parseLayout(ECDSA_PUBLIC_KEY, key, 'key');
  const { r, s } = parseLayout(ECDSA_SIGNATURE, signature, 'signature');
  const compact = Uint8Array.from([...scalar(r), ...scalar(s)]);
  return p384.verify(compact, message, Uint8Array.from([4, ...scalar(qx), ...scalar(qy)]), { lowS: false });
}

const SIGNATURES = tries(40, 200);
test(`${SIGNATURES} signatures over random messages hold for an independent implementation`, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
      const { idKey } = generateKeys();
      const signature = signMessage(message, idKey, 'ID key');
      expect(verifiedElsewhere(signature, message, snpPublicKey(idKey))).toBe(true);
      expect(signatureHolds(signature, message, idKey)).toBe(true);
    }),
    { numRuns: SIGNATURES },
  );
});

test('R or S shorter than 48 bytes is zero-extended and holds', () => {
  const { idKey } = generateKeys();
  const key = snpPublicKey(idKey);
  const seen = { r: false, s: false };
  // One signature in 256 has a short R, as many a short S: 20,000 without either is one chance in 10^34.
  for (let count = 0; count < 20_000 && !(seen.r && seen.s); count += 1) {
    const message = Buffer.from(`message ${count}`);
    const signature = signMessage(message, idKey, 'ID key');
    const short = { r: signature[47] === 0, s: signature[0x48 + 47] === 0 };
    if (!short.r && !short.s) continue;
    seen.r ||= short.r;
    seen.s ||= short.s;
    expect(verifiedElsewhere(signature, message, key)).toBe(true);
    expect(signatureHolds(signature, message, idKey)).toBe(true);
  }
  expect(seen).toEqual({ r: true, s: true });
});

test('any flipped bit of a signature breaks it', () => {
  fc.assert(
    fc.property(fc.nat(knownSignature.length - 1), fc.nat(7), (at, bit) => {
      const altered = knownSignature.slice();
      altered[at] = (altered[at] ?? 0) ^ (1 << bit);
      expect(signatureHolds(altered, Buffer.from('sample'), knownKey)).toBe(false);
    }),
    { numRuns: 400 },
  );
});

test('R and S of zero and of all ones are wrong signatures, not errors', () => {
  for (const fill of [0, 0xff]) {
    const signature = snpSignature(new Uint8Array(96).fill(fill));
    expect(signatureHolds(signature, Buffer.from('sample'), knownKey)).toBe(false);
  }
});

test('R and S are left as they were given', () => {
  const given = fromHex(RFC6979.r + RFC6979.s);
  snpSignature(given);
  expect(hex(given)).toBe(RFC6979.r + RFC6979.s);
});

test('R and S that are not 96 bytes are refused', () => {
  expect(() => snpSignature(new Uint8Array(95))).toThrow('LAYOUT_LENGTH: R and S: expected 96 bytes, got 95');
});

test('a signature or key cut at any length is refused with a code', () => {
  const key = snpPublicKey(knownKey);
  const cuts = (whole: Uint8Array) => Array.from(whole, (_, bytes) => whole.subarray(0, bytes));
  const codes = [
    ...cuts(knownSignature).map((cut) => errorCodeOf(() => signatureHolds(cut, new Uint8Array(), knownKey))),
    ...cuts(key).map((cut) => errorCodeOf(() => publicKeyOf(cut))),
  ];
  expect(codes).toEqual(codes.map(() => 'LAYOUT_LENGTH'));
});

test('a signature is not held against a key that is not P-384', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  expect(() => signatureHolds(knownSignature, new Uint8Array(), publicKey)).toThrow(/^KEY_INVALID: /);
});

test('a public key of another curve, off the curve, over-long or with reserved bytes is refused', () => {
  const good = parseLayout(ECDSA_PUBLIC_KEY, snpPublicKey(knownKey), 'key');
  const altered = (change: Partial<typeof good>): Uint8Array =>
    serialiseLayout(ECDSA_PUBLIC_KEY, { ...good, ...change }, 'key');
  const withByte = (at: number): Uint8Array =>
    altered({ qx: good.qx.map((byte, index) => (index === at ? byte ^ 1 : byte)) });
  expect(() => publicKeyOf(altered({ curve: 1 }))).toThrow('KEY_INVALID: public key: expected curve 2, got 1');
  expect(() => publicKeyOf(withByte(0))).toThrow('KEY_INVALID: public key: the point is not on P-384');
  expect(() => publicKeyOf(withByte(48))).toThrow('KEY_INVALID: public key: a coordinate has more than 48 bytes');
  expect(() => publicKeyOf(altered({ qy: new Uint8Array(72).fill(0xff) }))).toThrow(/more than 48 bytes/);
  const reserved = snpPublicKey(knownKey);
  reserved[0x94] = 1;
  expect(() => publicKeyOf(reserved)).toThrow(/^LAYOUT_RESERVED: .*reserved94 at offset 0x94/s);
});
