import fc from 'fast-check';
import { platformFactsSchema } from '../../../lib/evidence/host-facts.ts';
import { makePlatform } from '../../../lib/firmware/products.ts';
import { findHostProfile } from '../../../lib/firmware/profiles.ts';
import { emulatedPlatform } from '../../../lib/host/preflight/emulated-facts.ts';
import { machinePlatform } from '../../../lib/host/preflight/platform-facts.ts';
import type { Section } from '../../../lib/host/preflight/sections.ts';
import { PLATFORM } from '../../firmware/platform.ts';
import { expect, test } from '../../support/test.ts';
import { GENOA, sectionsOf } from './hosts.ts';

const platformOf = (changes: Readonly<Record<string, string>> = {}) =>
  machinePlatform(sectionsOf({ ...GENOA, ...changes }));

test('a platform is told from what its kernel, firmware and processor say', () => {
  expect(platformOf()).toEqual({
    source: 'machine',
    product: 'Genoa',
    cpu: { vendor: 'AuthenticAMD', family: 25, model: 17, stepping: 1, name: 'AMD EPYC 9654 96-Core Processor' },
    sockets: 2,
    smtActive: true,
    cbitpos: 51,
    snpEnabled: true,
    snpInitialised: true,
    rmpInitialised: true,
    firmware: { apiMajor: 1, apiMinor: 55, build: 24 },
    tcb: { current: '0xd318000000000004', reported: '0xd117000000000003' },
    maskChipId: false,
    maskChipKey: false,
    vlekEnabled: false,
    policyFeatures: {
      cxlAllowed: null,
      memAes256Xts: null,
      raplDisabled: null,
      ciphertextHiding: null,
      pageSwapDisabled: null,
    },
    kvmAmd: { sev: true, sevEs: true, sevSnp: true, debugSwap: false, ciphertextHidingAsids: 0 },
    kernelPolicy: { known: '0x1bffff', mustBeSet: '0x30000', mustBeClear: '0x100000' },
    snpAsids: { total: 99, used: 3 },
  });
});

test('with ciphertext hiding SNP guests have only their share of the ASIDs', () => {
  const hiding = { kvm_amd: `${GENOA.kvm_amd?.replace('ciphertext_hiding_asids:0', 'ciphertext_hiding_asids:20')}` };
  expect(platformOf(hiding).snpAsids).toEqual({ total: 20, used: 3 });
});

test('without the misc controller the ASIDs are those of CPUID, and nobody knows how many are used', () => {
  expect(platformOf({ misc: '' }).snpAsids).toEqual({ total: 99, used: null });
});

test('without /dev/sev the version of the firmware is what the kernel logged last', () => {
  const log = 'SEV-SNP API:1.51 build:3\nSEV-SNP API:1.58 build:7';
  const facts = platformOf({ status: '', log });
  expect(facts.firmware).toEqual({ apiMajor: 1, apiMinor: 58, build: 7 });
  expect([facts.tcb, facts.snpInitialised, facts.maskChipId]).toEqual([null, null, null]);
});

test('the flags of the firmware are told apart', () => {
  const status = (flags: string) => `01370001180000000${flags}000000${GENOA.status?.slice(24)}`;
  expect(platformOf({ status: status('1') })).toMatchObject({
    maskChipId: true,
    maskChipKey: false,
    vlekEnabled: false,
  });
  expect(platformOf({ status: status('2') })).toMatchObject({
    maskChipId: false,
    maskChipKey: true,
    vlekEnabled: false,
  });
  expect(platformOf({ status: status('4') })).toMatchObject({ vlekEnabled: true, snpInitialised: false });
});

for (const [release, mustBeSet] of [
  ['Linux 6.10.1 x86_64', undefined],
  ['Linux 6.11.0 x86_64', '0x30000'],
  ['Linux 6.16.9-arch1 x86_64', '0x30000'],
  ['Linux 6.17.0 x86_64', '0x20000'],
  ['Linux 7.1.0 x86_64', '0x20000'],
  ['Linux 5.19.0-rc6-snp x86_64', undefined],
  ['Linux nonsense', undefined],
] as const) {
  test(`what ${release} refuses is ${mustBeSet === undefined ? 'not known' : 'known'}`, () => {
    expect(platformOf({ kernel: release }).kernelPolicy?.mustBeSet).toBe(mustBeSet);
  });
}

test('a machine of another maker has no product, whatever its numbers are', () => {
  const facts = platformOf({ cpu: `${GENOA.cpu?.replace('AuthenticAMD', 'GenuineIntel')}` });
  expect([facts.product, facts.cbitpos]).toEqual([null, null]);
});

for (const [family, model, product] of [
  [25, 1, 'Milan'],
  [25, 160, 'Bergamo or Siena'],
  [26, 2, 'Turin'],
  [23, 49, null],
] as const) {
  test(`family ${family} model ${model} is ${product ?? 'no processor with SNP'}`, () => {
    const cpu = `vendor_id: AuthenticAMD\ncpu family: ${family}\nmodel: ${model}\nstepping: 0\nmodel name: x`;
    expect(platformOf({ cpu }).product).toBe(product);
  });
}

test('an emulated platform is that of its profile, and says that it is emulated', () => {
  const profile = findHostProfile('amd-6.8');
  if (profile === undefined) throw new Error('no such profile');
  const facts = emulatedPlatform(profile, PLATFORM, 0);
  expect(platformFactsSchema.parse(facts)).toEqual(facts);
  expect(facts).toMatchObject({
    source: 'emulation',
    product: 'Genoa',
    smtActive: true,
    firmware: { apiMajor: 1, apiMinor: 55, build: 39 },
    tcb: { current: '0x4817000000000009' },
    kvmAmd: { debugSwap: true },
  });
});

test('what an emulated platform announces and meets is told, and what its kernel passes on follows', () => {
  const profile = findHostProfile('upstream-6.19');
  if (profile === undefined) throw new Error('no such profile');
  const turin = makePlatform({
    product: 'Turin',
    sockets: 2,
    announces: ['RAPL_DIS', 'CXL_ALLOW'],
    meets: ['RAPL_DIS'],
  });
  const facts = emulatedPlatform(profile, { ...turin, chipId: new Uint8Array(64) }, 51);
  expect(platformFactsSchema.parse(facts)).toEqual(facts);
  expect(facts).toMatchObject({
    ...{ product: 'Turin', sockets: 2, kernelPolicy: { known: '0x2bbffff' } },
    policyFeatures: { cxlAllowed: true, memAes256Xts: false, raplDisabled: true, pageSwapDisabled: true },
    policyConditions: { memAes256Xts: false, raplDisabled: true, ciphertextHiding: false, cxlPresent: false },
  });
});

test('whatever a host says, the facts are of their schema', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...Object.values(GENOA)),
    fc.constantFrom(
      'sev_es 99999999999999999999',
      'cpu family: -1',
      'f'.repeat(64),
      '\u202e\u0000',
      'Y\nY',
      '0x10',
      '1e9',
    ),
    fc.integer().map(String),
  );
  const section = fc.record<Section>({ text: words, exitCode: fc.constantFrom(0, 0, 1, null) });
  const sections = fc.record(Object.fromEntries(Object.keys(GENOA).map((name) => [name, section])));
  fc.assert(
    fc.property(sections, (said) => {
      expect(platformFactsSchema.safeParse(machinePlatform(new Map(Object.entries(said)))).error).toBeUndefined();
    }),
  );
});
