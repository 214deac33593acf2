import { createPublicKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { generateKey } from '../../lib/identity/keys.ts';
import { readSignature } from '../../lib/identity/signature-encoding.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const key = generateKey();
const message = new Uint8Array(96).fill(3);
const by = { message, publicKey: createPublicKey(key), role: 'ID key' };

/** A signature in both encodings; those of one signing agree, so DER is made from R and S by hand. */
function signature(): { raw: Buffer; der: Buffer } {
  const raw = sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' });
  const integer = (scalar: Buffer): Buffer => {
    const first = scalar.findIndex((byte) => byte !== 0);
    const least = scalar.subarray(first);
    const body = (least[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), least]) : least;
    return Buffer.concat([Buffer.of(2, body.length), body]);
  };
  const body = Buffer.concat([integer(raw.subarray(0, 48)), integer(raw.subarray(48))]);
  return { raw, der: Buffer.concat([Buffer.of(0x30, body.length), body]) };
}

test('DER and raw R and S are read, as bytes, hex and base64, with blanks around', () => {
  for (let run = 0; run < 10; run += 1) {
    const { raw, der } = signature();
    for (const bytes of [raw, der]) {
      const hex = bytes.toString('hex');
      const base64 = bytes.toString('base64');
      const texts = [hex, `${hex.toUpperCase()}\n`, base64, `${base64.slice(0, 64)}\n${base64.slice(64)}\n`];
      for (const output of [bytes, ...texts.map((text) => Buffer.from(text))]) {
        expect(Buffer.from(readSignature(new Uint8Array(output), by))).toEqual(raw);
      }
    }
  }
});

test("node's own DER is read", () => {
  const der = sign('sha384', message, key);
  expect(readSignature(new Uint8Array(der), by)).toHaveLength(96);
});

test('a signature of something else, or by another key, is refused and said to be one', () => {
  for (const output of [sign('sha384', Buffer.from('else'), key), sign('sha384', message, generateKey())]) {
    const error = harnessErrorOf(() => readSignature(new Uint8Array(output), by));
    expect(error.code).toBe('SIGNATURE_INVALID');
    expect(error.message).toMatch(/a signature \(DER\) that is not of this digest by this key/);
  }
});

test('anything else that a signer writes is refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (output) => {
      expect(harnessErrorOf(() => readSignature(output, by)).code).toBe('SIGNATURE_INVALID');
    }),
  );
  const { der } = signature();
  for (let bytes = 0; bytes < der.length; bytes += 1) {
    expect(harnessErrorOf(() => readSignature(new Uint8Array(der.subarray(0, bytes)), by)).code).toBe(
      'SIGNATURE_INVALID',
    );
  }
  for (const output of ['error: token not found\n', '', '30', new Uint8Array(96)]) {
    expect(harnessErrorOf(() => readSignature(new Uint8Array(Buffer.from(output)), by)).code).toBe('SIGNATURE_INVALID');
  }
});
