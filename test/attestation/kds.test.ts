import { serialiseLayout } from '../../lib/abi/layout.ts';
import { ATTESTATION_REPORT } from '../../lib/abi/report.ts';
import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import {
  kdsBase,
  kdsCacheName,
  kdsPath,
  kdsRequestText,
  kdsUrl,
  productOfChainName,
  productOfIssuer,
  productsOf,
  vcekRequest,
} from '../../lib/attestation/kds.ts';
import { KDS_URL } from '../../lib/attestation/kds-url.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { REAL_ISSUERS, realLeaf } from './real-certificates.ts';
import { reportBytes } from './real-reports.ts';

// Source: AMD 57230, endpoints, for the chip and REPORTED_TCB of real reports as other programs read them.
test('the VCEK of a Milan chip is asked for by 64 bytes and four levels', () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  const request = vcekRequest(parseReport(reportBytes('milan-v2-a')), 'Milan');
  expect(kdsUrl(KDS_URL, request)).toBe(
    'https://kdsintf.amd.com/vcek/v1/Milan/' +
      'd49554ec717f4e5b0fe6b143bcf0405bd7ae304727edf46603f2a76aef6a3abc15d7af38db757039029f0efacfd08e244324884738c72b082e2f87a44d541eb6' +
      '?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115',
  );
});

test('the VCEK of a Turin chip is asked for by 8 bytes and five levels', () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  const request = vcekRequest(parseReport(reportBytes('turin-v5-a')), 'Turin');
  expect(kdsPath(request)).toBe('/vcek/v1/Turin/0910b4f884ff4ba9?fmcSPL=01&blSPL=03&teeSPL=02&snpSPL=05&ucodeSPL=97');
});

test('chains and lists of VCEK and VLEK stand beside each other', () => {
  expect(kdsPath({ what: 'chain', service: 'vcek', product: 'Genoa' })).toBe('/vcek/v1/Genoa/cert_chain');
  expect(kdsPath({ what: 'chain', service: 'vlek', product: 'Milan' })).toBe('/vlek/v1/Milan/cert_chain');
  expect(kdsPath({ what: 'crl', service: 'vcek', product: 'Turin' })).toBe('/vcek/v1/Turin/crl');
  expect(kdsPath({ what: 'crl', service: 'vlek', product: 'Turin' })).toBe('/vlek/v1/Turin/crl');
});

const CHAIN = { what: 'chain', service: 'vcek', product: 'Milan' } as const;

test('a mirror may have a path of its own', () => {
  expect(kdsUrl('http://mirror.lab.example:8080/amd/', CHAIN)).toBe(
    'http://mirror.lab.example:8080/amd/vcek/v1/Milan/cert_chain',
  );
});

for (const base of [
  '',
  'kdsintf.amd.com',
  'ftp://kds.example',
  'file:///etc',
  'https://u:p@kds.example',
  'https://kds.example?x=1',
  'https://kds.example#x',
]) {
  test(`${JSON.stringify(base)} is no address of a service`, () => {
    expect(errorCodeOf(() => kdsBase(base))).toBe('USAGE');
  });
}

test('of an address that is none 200 characters are told, and slashes at the end of a good one are not kept', () => {
  expect(() => kdsBase('x'.repeat(300))).toThrow(expect.objectContaining({ where: JSON.stringify('x'.repeat(200)) }));
  expect(kdsBase('https://mirror.example/kds//')).toBe('https://mirror.example/kds');
});

test('what is kept is named by product, chip and TCB, in characters that every file system takes', () => {
  const report = { ...parseReport(madeReport(3, 0x19, 0x11)), reportedTcb: 0xdb18_0000_0000_0104n };
  const name = kdsCacheName(vcekRequest(report, 'Genoa'));
  expect(name).toBe(`vcek-Genoa-${'ab'.repeat(64)}-bootloader4-tee1-snp24-microcode219`);
  const others = [
    { ...report, reportedTcb: 0xdb18_0000_0000_0105n },
    { ...report, chipId: new Uint8Array(64).fill(0xac) },
  ].map((other) => kdsCacheName(vcekRequest(other, 'Genoa')));
  const names = [...others, kdsCacheName(vcekRequest(report, 'Milan')), kdsCacheName(CHAIN), name];
  expect(new Set(names).size).toBe(names.length);
  for (const each of names) expect(each).toMatch(/^[A-Za-z0-9-]{1,200}$/);
});

test('what is asked for is said in words', () => {
  expect(kdsRequestText(CHAIN)).toBe('the ASK and ARK of Milan');
  expect(kdsRequestText({ ...CHAIN, service: 'vlek' })).toBe('the ASVK and ARK of Milan');
  expect(kdsRequestText({ ...CHAIN, what: 'crl' })).toBe('the list of revoked certificates of Milan (vcek)');
  expect(kdsRequestText(vcekRequest(parseReport(madeReport(3, 0x1a, 2)), 'Turin'))).toBe(
    'the VCEK of Turin chip abababababababab at fmcSPL=00 blSPL=00 teeSPL=00 snpSPL=00 ucodeSPL=00',
  );
});

function madeReport(version: number, cpuidFamId: number, cpuidModId: number, chip = new Uint8Array(64).fill(0xab)) {
  const cpuid = version >= 3 ? { cpuidFamId, cpuidModId } : {};
  return serialiseLayout(ATTESTATION_REPORT, { version, ...cpuid, chipId: chip }, 'report');
}

test('the product of a report is that of its processor; version 2 leaves those of its TCB layout', () => {
  const products = (...made: Parameters<typeof madeReport>) => productsOf(parseReport(madeReport(...made)));
  expect(products(3, 0x19, 0x01)).toEqual(['Milan']);
  expect(products(5, 0x19, 0xa0)).toEqual(['Genoa']);
  expect(products(5, 0x1a, 0x02)).toEqual(['Turin']);
  expect(products(5, 0x1b, 0x02)).toEqual([]);
  expect(products(2, 0, 0)).toEqual(['Milan', 'Genoa']);
  const short = new Uint8Array(64);
  short.fill(1, 0, 8);
  expect(products(2, 0, 0, short)).toEqual(['Turin']);
});

test('an emulated chain is named after the product that it stands for', () => {
  expect(['Milan', 'emulated-Genoa', 'lab-2-Turin'].map(productOfChainName)).toEqual(['Milan', 'Genoa', 'Turin']);
  expect(['', 'Rome', 'MyMilan', 'Milan-2'].map(productOfChainName)).toEqual(Array(4).fill(undefined));
});

test('the product of a leaf is in the name of its issuer', () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  expect(productOfIssuer(realLeaf('milan-v3-b-vlek.vlek'), AMD_ANCHORS)).toBe('Milan');
  expect(productOfIssuer(realLeaf('genoa-v5-a-a0.vcek'), AMD_ANCHORS)).toBe('Genoa');
  expect(productOfIssuer(realLeaf('genoa-v5-a-a0.vcek'), AMD_ANCHORS.slice(0, 1))).toBeUndefined();
  const ask = REAL_ISSUERS.find(({ kind }) => kind === 'ASK');
  expect(ask && productOfIssuer(ask, AMD_ANCHORS)).toBeUndefined();
});
