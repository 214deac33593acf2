import { buildCertificateTable, CERTIFICATE_GUIDS } from '../../lib/abi/certificate-table.ts';
import { readCertificateFile } from '../../lib/attestation/certificate-file.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { certificateDer, crlDer, madeChain } from './made-chain.ts';

const made = madeChain();
const ders = [made.leaf, made.intermediate, made.root].map(certificateDer);
const [leaf = new Uint8Array(), ask = leaf, ark = leaf] = ders;
const list = crlDer(made.crl);
const emptyList = crlDer({ ...made.crl, serials: [] });

const text = (written: string): Uint8Array => new TextEncoder().encode(written);
const pem = (der: Uint8Array, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\r\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\r\n')}\r\n-----END ${label}-----\r\n`;
const summary = (file: Uint8Array) => {
  const { certificates, crls } = readCertificateFile(file, 'file');
  return [...certificates.map(({ kind, where }) => `${kind} ${where}`), ...crls.map(({ where }) => `CRL ${where}`)];
};

const FILES: readonly (readonly [string, Uint8Array, string[]])[] = [
  ['DER of a certificate', leaf, ['VCEK file']],
  ['DER of a list with entries', list, ['CRL file']],
  ['DER of a list without entries', emptyList, ['CRL file']],
  ['PEM of one', text(pem(ask)), ['ASK file']],
  [
    'PEM of a chain with words around it',
    text(`ASK\n${pem(ask)}ARK\n${pem(ark)}`),
    ['ASK file, block 1', 'ARK file, block 2'],
  ],
  ['PEM of a list', text(pem(list, 'X509 CRL')), ['CRL file']],
  [
    'PEM of a key and a certificate',
    text(`-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n${pem(leaf)}`),
    ['VCEK file'],
  ],
  ['an empty file', new Uint8Array(0), []],
];

for (const [what, file, expected] of FILES) {
  test(`${what} is read by what it holds`, () => {
    expect(summary(file)).toEqual(expected);
  });
}

test('the table of a host is read by what its rows hold, and unknown rows are passed over', () => {
  const table = buildCertificateTable([
    { guid: CERTIFICATE_GUIDS.VCEK, contents: leaf },
    { guid: CERTIFICATE_GUIDS.ASK, contents: ask },
    { guid: CERTIFICATE_GUIDS.ARK, contents: ark },
    { guid: CERTIFICATE_GUIDS.CRL, contents: list },
    { guid: 'ecae0c0f-9502-43b1-afa2-0ae2e0d565b6', contents: Uint8Array.of(8, 0, 0, 0, 0, 0xf1, 0xa1, 0) },
  ]);
  const padded = new Uint8Array(16384);
  padded.set(table);
  for (const file of [table, padded]) {
    expect(summary(file)).toEqual(['VCEK file, VCEK', 'ASK file, ASK', 'ARK file, ARK', 'CRL file, CRL']);
  }
});

test('a host that has no certificates gives an empty table', () => {
  expect(summary(new Uint8Array(4096))).toEqual([]);
});

const WRONG: readonly (readonly [string, Uint8Array, string])[] = [
  ['DER with a byte behind it', Buffer.concat([leaf, Uint8Array.of(0)]), 'CERTIFICATE_INVALID'],
  ['DER that is cut off', leaf.subarray(0, 700), 'CERTIFICATE_INVALID'],
  ['two certificates one behind the other', Buffer.concat([ask, ark]), 'CERTIFICATE_INVALID'],
  ['a block of PEM without an end', text(pem(ask).replace('-----END', '')), 'CERTIFICATE_INVALID'],
  ['a block of PEM with other characters', text(pem(ask).replace('\r\nM', '\r\n*')), 'CERTIFICATE_INVALID'],
  ['a block of PEM with something else in it', text(pem(Uint8Array.of(1, 2, 3))), 'CERTIFICATE_INVALID'],
  [
    'a table with something else in a row',
    buildCertificateTable([{ guid: CERTIFICATE_GUIDS.ARK, contents: text('ARK') }]),
    'CERTIFICATE_INVALID',
  ],
  ['words', text('there is no certificate here, and none there'), 'CERTIFICATE_TABLE_INVALID'],
  ['more than any file of certificates', new Uint8Array(4 * 1024 * 1024 + 1), 'CERTIFICATE_INVALID'],
];

for (const [what, file, code] of WRONG) {
  test(`refuses ${what}`, () => {
    expect(errorCodeOf(() => readCertificateFile(file, 'file'))).toBe(code);
  });
}
