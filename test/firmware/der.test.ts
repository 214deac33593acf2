import { execFileSync } from 'node:child_process';
import {
  bitString,
  ia5String,
  integer,
  isTrue,
  octetString,
  oid,
  sequence,
  tagged,
  time,
} from '../../lib/firmware/der.ts';
import { expect, test } from '../support/test.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// Source: X.690, section 8; RFC 4055 for the identifiers.
test('numbers, identifiers and lengths are written as X.690 says', () => {
  expect([0, 1, 127, 128, 255, 256, 65_537, 0xe0001].map((value) => hex(integer(value)))).toEqual([
    '020100',
    '020101',
    '02017f',
    '02020080',
    '020200ff',
    '02020100',
    '0203010001',
    '02030e0001',
  ]);
  expect(hex(oid('1.2.840.113549.1.1.10'))).toBe('06092a864886f70d01010a');
  expect(hex(oid('2.16.840.1.101.3.4.2.2'))).toBe('0609608648016503040202');
  expect(hex(octetString(new Uint8Array(127))).slice(0, 4)).toBe('047f');
  expect(hex(octetString(new Uint8Array(128))).slice(0, 6)).toBe('048180');
  expect(hex(octetString(new Uint8Array(300))).slice(0, 8)).toBe('0482012c');
  expect(hex(bitString(Uint8Array.of(0x06), 1))).toBe('03020106');
  expect(hex(sequence(isTrue(), ia5String('a')))).toBe('30060101ff160161');
  expect(hex(tagged(3, integer(1)))).toBe('a303020101');
});

// Source: RFC 5280, section 4.1.2.5.
test('times have two digits of the year up to 2049, and four from then', () => {
  expect(Buffer.from(time(new Date('2049-12-31T23:59:59.999Z'))).toString('latin1')).toBe('\x17\x0d491231235959Z');
  expect(Buffer.from(time(new Date('2050-01-01T00:00:00Z'))).toString('latin1')).toBe('\x18\x0f20500101000000Z');
});

test('OpenSSL reads what is written', () => {
  const der = sequence(integer(128), oid('1.3.6.1.4.1.3704.1.3.9'), sequence(), tagged(0, ia5String('Turin')));
  const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: der, encoding: 'utf8' });
  expect(text).toMatch(
    /INTEGER +:80\n.*OBJECT +:1\.3\.6\.1\.4\.1\.3704\.1\.3\.9\n.*SEQUENCE.*\n.*cont \[ 0 \].*\n.*IA5STRING +:Turin/,
  );
});
