import { parseReport } from '../../lib/attestation/report.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { requestReport } from '../../lib/firmware/guest.ts';
import { supportedCpuid } from '../../lib/firmware/kvm/cpuid.ts';
import { PRODUCT_NAMES } from '../../lib/firmware/platform.ts';
import { makePlatform } from '../../lib/firmware/products.ts';
import { expect, test } from '../support/test.ts';
import { runningGuest } from './platform.ts';

const NONCE = new Uint8Array(64);

test('what is not chosen is a Genoa of firmware 1.55.39 with SMT on one socket', () => {
  expect(makePlatform()).toMatchObject({
    ...{ product: 'Genoa', apiMajor: 1, apiMinor: 55, build: 39 },
    ...{ smtEnabled: true, sockets: 1, meets: [] },
  });
});

test('what is chosen of a platform is what it is', () => {
  const chosen = makePlatform({
    product: 'Turin',
    apiVersion: '2.7',
    smt: false,
    sockets: 2,
    announces: ['RAPL_DIS'],
  });
  expect(chosen).toMatchObject({
    ...{ product: 'Turin', apiMajor: 2, apiMinor: 7, smtEnabled: false, sockets: 2, announces: ['RAPL_DIS'] },
    cpuid: { family: 0x1a },
  });
});

// Source: AMD 56860, ATTESTATION_REPORT, PLATFORM_INFO: bit 0 SMT, bit 3 RAPL off, bit 4 ciphertext hiding.
test('the report tells SMT, RAPL and ciphertext hiding of the platform', () => {
  const told = (options: Parameters<typeof makePlatform>[0]): bigint => {
    const report = requestReport(runningGuest(), emulatedChip('told', options), NONCE);
    if (typeof report === 'string') throw new Error(report);
    return parseReport(report).platformInfo;
  };
  expect(told({})).toBe(0b1n);
  expect(told({ smt: false })).toBe(0n);
  expect(told({ product: 'Turin', meets: ['RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'] })).toBe(0b11001n);
});

// Source: AMD 56860, ATTESTATION_REPORT, CHIP_ID.
test('a Turin chip has an identity of 8 bytes, the others one of 64', () => {
  const used = PRODUCT_NAMES.map((product) => {
    const { chipId } = emulatedChip('chip', { product }).platform;
    return chipId.findLastIndex((byte) => byte !== 0) < 8;
  });
  expect(used).toEqual([false, false, true]);
});

test('KVM offers the signature of the product, and AVX-512 not on Milan', () => {
  const offered = PRODUCT_NAMES.map((product) => {
    const entries = supportedCpuid(makePlatform({ product }));
    const leaf = (number: number) => entries.find((entry) => entry.leaf === number);
    return [leaf(1)?.eax.toString(16), ((leaf(7)?.ebx ?? 0) >>> 16) & 1];
  });
  expect(offered).toEqual([
    ['a00f11', 0],
    ['a10f11', 1],
    ['b00f21', 1],
  ]);
});
