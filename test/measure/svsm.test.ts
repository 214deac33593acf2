import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha384 } from '@noble/hashes/sha2.js';
import { parseLayout } from '../../lib/abi/layout.ts';
import { VMSA } from '../../lib/abi/vmsa.ts';
import { predictSvsm, type SvsmInputs, svsmLedger, svsmVmsa } from '../../lib/measure/svsm.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { firmwareImage, GUID, type ImageParts, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { vectorBytes, vectorsFolder } from '../support/vectors.ts';

const SVSM_INFO = 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd';
const METADATA = [GUID.metadata, u32(METADATA_FROM_END)] as const;
// The sections of a COCONUT SVSM: memory, secrets, CPUID.
const SECTIONS = [
  [0, 0x3000, 1],
  [0x9e000, 0x1000, 2],
  [0x9f000, 0x1000, 3],
] as const;
const svsmImage = (parts: ImageParts = {}): Uint8Array =>
  firmwareImage({ bytes: 12288, entries: [[SVSM_INFO, u32(0x10)], METADATA], sections: SECTIONS, ...parts });

const FIRMWARE = firmwareImage();
const VARS_BYTES = 0x84000;
const INPUTS: SvsmInputs = {
  firmware: FIRMWARE,
  svsm: svsmImage(),
  varsBytes: VARS_BYTES,
  vcpus: 2,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('svsm-init2'),
};
const SVSM_GPA = 0x1_0000_0000 - FIRMWARE.length - VARS_BYTES - 12288;
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The VMSA by offset and bytes. Source: virtee/sev-snp-measure, sevsnpmeasure/vmsa.py, VMSA_SVSM; FCW is ours. */
function vmsaByHand(rip: number, mxcsr: number, fcw: number, features: number): Buffer {
  const page = Buffer.alloc(4096);
  const segments: Readonly<Record<number, readonly [selector: number, attributes: number, limit: number]>> = {
    0: [16, 0xc93, 0xffff_ffff],
    16: [8, 0xc9b, 0xffff_ffff],
    32: [16, 0xc93, 0xffff_ffff],
    48: [16, 0xc93, 0xffff_ffff],
    64: [16, 0xc93, 0xffff_ffff],
    80: [0, 0x93, 0xffff],
    96: [0, 0, 0xffff],
    112: [0, 0x82, 0xffff],
    128: [0, 0, 0xffff],
    144: [0, 0x8b, 0xffff],
  };
  for (const [at, [selector, attributes, limit]] of Object.entries(segments)) {
    page.writeUInt16LE(selector, Number(at));
    page.writeUInt16LE(attributes, Number(at) + 2);
    page.writeUInt32LE(limit, Number(at) + 4);
  }
  for (const [at, value] of [
    [0xd0, 0x1000],
    [0x148, 0x40],
    [0x158, 0x11],
    [0x160, 0x400],
    [0x168, 0xffff_0ff0],
    [0x170, 0x2],
    [0x178, rip],
    [0x310, 0x800f12],
    [0x3b0, features],
    [0x3e8, 1],
    [0x408, mxcsr],
    [0x410, fcw],
  ] as const) {
    page.writeUInt32LE(value, at);
  }
  page.writeBigUInt64LE(0x0007_0406_0007_0406n, 0x268);
  return page;
}

/** The whole launch written out by hand. */
function byHand(vmsa: Uint8Array): string {
  let digest: Uint8Array = new Uint8Array(48);
  const extend = (pageType: number, gpa: bigint, contents: Uint8Array | null): void => {
    const pageInfo = Buffer.alloc(0x70);
    pageInfo.set(digest, 0);
    if (contents !== null) pageInfo.set(sha384(contents), 0x30);
    pageInfo.writeUInt16LE(0x70, 0x60);
    pageInfo.writeUInt8(pageType, 0x62);
    pageInfo.writeBigUInt64LE(gpa, 0x68);
    digest = sha384(pageInfo);
  };
  const image = (base: number, bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += 4096) extend(1, BigInt(base + at), bytes.subarray(at, at + 4096));
  };
  image(0x1_0000_0000 - FIRMWARE.length, FIRMWARE);
  image(SVSM_GPA, INPUTS.svsm);
  for (const gpa of [0n, 0x1000n, 0x2000n]) extend(3, gpa, null);
  extend(5, 0x9e000n, null);
  extend(6, 0x9f000n, null);
  for (let index = 0; index < INPUTS.vcpus; index += 1) extend(2, 0xffff_ffff_f000n, vmsa);
  return hexOf(digest);
}

const RIP = SVSM_GPA + 0x10;
for (const [name, features, vmsa] of [
  ['svsm-init2', 0x1n, vmsaByHand(RIP, 0x1f80, 0x37f, 0x1)],
  ['svsm-init2', 0x21n, vmsaByHand(RIP, 0x1f80, 0x37f, 0x21)],
  ['svsm-pre-init2', 0x1n, vmsaByHand(RIP, 0, 0, 0x1)],
  ['svsm-as-sev-snp-measure', 0x1n, vmsaByHand(RIP, 0x1f80, 0, 0x1)],
  ['svsm-as-sev-snp-measure', 0x21n, vmsaByHand(RIP, 0x1f80, 0, 0x1)],
] as const) {
  test(`${name} with features 0x${features.toString(16)} gives the digest written out by hand`, () => {
    const inputs = { ...INPUTS, guestFeatures: features, profile: vmmProfileOf(name) };
    expect(hexOf(svsmVmsa(RIP, inputs))).toBe(hexOf(vmsa));
    expect(hexOf(predictSvsm(inputs))).toBe(byHand(vmsa));
  });
}

/** Source: virtee/sev-snp-measure, tests/test_guest.py, test_snp_svsm_*, before and after MXCSR was measured. */
const PUBLISHED = [
  {
    profile: 'svsm-as-sev-snp-measure',
    vcpus: 4,
    digest: '27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818bdb79277a44b2',
  },
  {
    profile: 'svsm-as-sev-snp-measure',
    vcpus: 2,
    digest: '9b94745036aafddf4f7f8b00c7513abb5b7703178cb95aaa57928bd963d68d3bfcb715d6019b9167ee2517b11b0d9be7',
  },
  {
    profile: 'svsm-pre-init2',
    vcpus: 4,
    digest: '265aed64f2454253f6b19e49e17041ef052dedf964dd8d2740794a06aee3a720c475e3643a1b7e26b9efce7a107bf77f',
  },
  {
    profile: 'svsm-pre-init2',
    vcpus: 2,
    digest: '4ae03ca013690e956bc1eb16bc1c6465788dba64ad88a650db09216fa9cdddf06167bfce810eba8988108e71458dd68b',
  },
] as const;
for (const { profile, vcpus, digest } of PUBLISHED) {
  test(`${profile} gives the published digest of svsm.bin with ${vcpus} vCPUs`, () => {
    const files = ['svsm/svsm.bin', 'svsm/svsm_ovmf.fd'] as const;
    const absent = files.find((file) => !existsSync(join(vectorsFolder, file)));
    test.skip(absent !== undefined, `${absent} of virtee/sev-snp-measure, tests/fixtures, is not among the vectors`);
    const inputs: SvsmInputs = {
      firmware: vectorBytes(files[1]),
      svsm: vectorBytes(files[0]),
      varsBytes: 540672,
      vcpus,
      vcpuSignature: 0x800f12,
      guestFeatures: 1n,
      profile: vmmProfileOf(profile),
    };
    expect(hexOf(predictSvsm(inputs))).toBe(digest);
  });
}

test('the ledger ends with the digest and names image, sections and vCPUs', () => {
  const rows = svsmLedger(INPUTS);
  expect(rows.at(-1)?.digestAfter).toEqual(predictSvsm(INPUTS));
  expect(rows.map(({ what }) => what)).toEqual([
    ...Array(2).fill('firmware image'),
    ...Array(3).fill('SVSM image'),
    ...Array(3).fill('SEC_MEM'),
    'SECRETS',
    'CPUID',
    'vCPU 0',
    'vCPU 1',
  ]);
});

test('every vCPU starts at the entry of the SVSM, which moves with the size of the variables', () => {
  expect(parseLayout(VMSA, svsmVmsa(RIP, INPUTS), 'VMSA').rip).toBe(BigInt(RIP));
  const moved = svsmLedger({ ...INPUTS, varsBytes: 0 }).find(({ what }) => what === 'SVSM image');
  expect(moved?.gpa).toBe(BigInt(0x1_0000_0000 - FIRMWARE.length - 12288));
});

/** Wrong SVSM images: what, the change, and what the message must name. */
const WRONG: readonly (readonly [string, Partial<SvsmInputs>, RegExp])[] = [
  ['that is cut off', { svsm: svsmImage().subarray(0, 4096) }, /SVSM image: the image does not end with a GUID footer/],
  ['of half a page', { svsm: new Uint8Array(100) }, /SVSM image: the image has 100 bytes/],
  ['that is OVMF', { svsm: FIRMWARE }, /no SVSM info/],
  ['without metadata', { svsm: svsmImage({ entries: [[SVSM_INFO, u32(0x10)]] }) }, /no SEV metadata/],
  ['with an entry outside', { svsm: svsmImage({ entries: [[SVSM_INFO, u32(12288)], METADATA] }) }, /offset 0x3000 of/],
  [
    'with an odd SVSM info',
    { svsm: svsmImage({ entries: [[SVSM_INFO, u32(1, 2)], METADATA] }) },
    /8 bytes, expected 4/,
  ],
  ['over its own sections', { svsm: svsmImage({ sections: [[SVSM_GPA, 0x1000, 1]] }) }, /section 0/],
  ['above variables of half a page', { varsBytes: 100 }, /variables have 100 bytes, expected a multiple of 4096/],
  ['above huge variables', { varsBytes: 0x8000000 }, /expected at most 67108864/],
];
for (const [claim, change, named] of WRONG) {
  test(`an SVSM ${claim} is refused`, () => {
    const error = harnessErrorOf(() => predictSvsm({ ...INPUTS, ...change }));
    expect(error.code).toBe('SVSM_INVALID');
    expect(error.message).toMatch(named);
    expect(error.hint).toBeDefined();
  });
}

test('a profile of guests that start in the firmware is refused, and so are wrong vCPUs', () => {
  expect(errorCodeOf(() => predictSvsm({ ...INPUTS, profile: vmmProfileOf('qemu-init2') }))).toBe(
    'VMM_PROFILE_UNKNOWN',
  );
  expect(errorCodeOf(() => predictSvsm({ ...INPUTS, vcpus: 0 }))).toBe('VCPU_COUNT');
  expect(errorCodeOf(() => predictSvsm({ ...INPUTS, vcpuSignature: null }))).toBe('VCPU_TYPE_UNKNOWN');
  expect(errorCodeOf(() => predictSvsm({ ...INPUTS, guestFeatures: 0n }))).toBe('GUEST_FEATURES_INVALID');
  expect(errorCodeOf(() => predictSvsm({ ...INPUTS, firmware: new Uint8Array(1) }))).toBe('OVMF_SIZE');
});
