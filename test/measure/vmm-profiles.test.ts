import { sha384 } from '@noble/hashes/sha2.js';
import { diffLayout, parseLayout } from '../../lib/abi/layout.ts';
import { VMSA_ADDRESS_BITS, VMSA_GPA, vmsaGpaOf } from '../../lib/abi/page-info.ts';
import { VMSA } from '../../lib/abi/vmsa.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { LaunchInputs } from '../../lib/measure/inputs.ts';
import { kernelHashesOf, kernelHashesSection } from '../../lib/measure/kernel-hashes.ts';
import { ledger, predict } from '../../lib/measure/predict.ts';
import { newestVmmProfile, VMM_PROFILES, VMMS, vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { applicationVmsa, bootVmsa } from '../../lib/measure/vmsa.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage();
const FIRMWARE = describeFirmware(IMAGE);
const HASHES = kernelHashesOf({ kernel: Buffer.from('kernel'), initrd: null, append: 'quiet' });
const INPUTS: LaunchInputs = {
  firmware: FIRMWARE,
  kernelHashes: null,
  vcpus: 2,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('qemu-init2'),
};
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const withProfile = (name: string): LaunchInputs => ({ ...INPUTS, profile: vmmProfileOf(name) });

test('names are unique, dates are months, and the rows of a VMM stand newest first', () => {
  const names = VMM_PROFILES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, since, meaning, source } of VMM_PROFILES) {
    expect(name).toMatch(/^[a-z0-9-]+$/);
    expect(since).toMatch(/^20[0-9]{2}-(?:0[1-9]|1[0-2])$/);
    expect(meaning.length * source.length).toBeGreaterThan(0);
  }
  for (const vmm of VMMS) {
    const dates = VMM_PROFILES.filter((row) => row.vmm === vmm && row.boots === 'firmware').map(({ since }) => since);
    expect(dates).toEqual([...dates].sort().reverse());
  }
});

test('the newest profile of a VMM is its first row; only QEMU starts an SVSM', () => {
  expect(VMMS.map((vmm) => newestVmmProfile(vmm).name)).toEqual(['qemu-init2', 'ec2-2026-04', 'gce', 'krun']);
  expect(newestVmmProfile('qemu', 'svsm').name).toBe('svsm-init2');
  expect(harnessErrorOf(() => newestVmmProfile('ec2', 'svsm')).what).toBe(
    'no profile of ec2 starts a guest in an SVSM',
  );
});

test('an unknown profile is refused with the name most like it and all names', () => {
  const error = harnessErrorOf(() => vmmProfileOf('qemu-init3'));
  expect(error.code).toBe('VMM_PROFILE_UNKNOWN');
  expect(error.hint).toMatch(/^did you mean qemu-init2\? known: qemu-init2, qemu-pre-init2, /);
  expect(harnessErrorOf(() => vmmProfileOf('hyperv')).hint).toMatch(/^known: /);
});

/** How the VMSAs of a profile differ from those of QEMU, as field and value, BSP and AP. Source: the rows' own. */
const VMSA_CHANGES: readonly (readonly [string, Record<string, unknown>, Record<string, unknown>])[] = [
  ['qemu-pre-init2', { mxcsr: 0, x87Fcw: 0 }, { mxcsr: 0, x87Fcw: 0 }],
  ['qemu-hashes-first', { mxcsr: 0, x87Fcw: 0 }, { mxcsr: 0, x87Fcw: 0 }],
  [
    'ec2-2026-04',
    { 'cs.attrib': 0x9a, 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0x600n, mxcsr: 0, x87Fcw: 0 },
    { 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0x600n, mxcsr: 0, x87Fcw: 0 },
  ],
  [
    'ec2-before-2026-04',
    { 'cs.attrib': 0x9a, 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0n, mxcsr: 0, x87Fcw: 0 },
    { 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0n, mxcsr: 0, x87Fcw: 0 },
  ],
  ['gce', { gPat: 0x70106n, rdx: 0x600n, mxcsr: 0, x87Fcw: 0 }, { gPat: 0x70106n, rdx: 0x600n, mxcsr: 0, x87Fcw: 0 }],
  [
    'krun',
    {
      'cs.attrib': 0x9a,
      'ss.attrib': 0x92,
      'tr.attrib': 0x83,
      rsp: 0x8ff0n,
      rdx: 0n,
      rbp: 0x8ff0n,
      rsi: 0x7000n,
      mxcsr: 0,
      x87Fcw: 0,
    },
    { 'cs.attrib': 0x9a, 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0n, mxcsr: 0, x87Fcw: 0 },
  ],
  [
    'krun-as-sev-crate',
    { 'cs.attrib': 0x9a, 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0n, mxcsr: 0, x87Fcw: 0 },
    { 'cs.attrib': 0x9a, 'ss.attrib': 0x92, 'tr.attrib': 0x83, rdx: 0n, mxcsr: 0, x87Fcw: 0 },
  ],
];
for (const [name, boot, application] of VMSA_CHANGES) {
  test(`${name} changes these fields of QEMU's VMSAs and no other`, () => {
    const changed = withProfile(name);
    for (const [page, usual, fields] of [
      [bootVmsa(changed), bootVmsa(INPUTS), boot],
      [applicationVmsa(0x80b004, changed), applicationVmsa(0x80b004, INPUTS), application],
    ] as const) {
      expect(diffLayout(VMSA, usual, page, 'VMSA').map((field) => field.name)).toEqual(Object.keys(fields));
      expect(parseLayout(VMSA, page, 'VMSA')).toMatchObject(fields);
    }
  });
}

test('each profile that starts in the firmware gives a digest of its own', () => {
  const inputs = { ...INPUTS, kernelHashes: HASHES };
  const names = VMM_PROFILES.filter(({ boots }) => boots === 'firmware').map(({ name }) => name);
  const digests = names.map((name) => hexOf(predict({ ...inputs, profile: vmmProfileOf(name) }).launchDigest));
  expect(new Set(digests).size).toBe(names.length);
});

test('a VMM with a constant in RDX needs no signature and ignores one; QEMU asks for it', () => {
  for (const { name, rdx } of VMM_PROFILES.filter(({ boots }) => boots === 'firmware')) {
    const inputs = { ...withProfile(name), vcpuSignature: null };
    if (rdx === 'signature') {
      expect(harnessErrorOf(() => predict(inputs)).code).toBe('VCPU_TYPE_UNKNOWN');
    } else {
      expect(predict(inputs)).toEqual(predict({ ...inputs, vcpuSignature: 0xa00f11 }));
    }
  }
});

test('a profile of SVSM guests is refused for one that starts in its firmware', () => {
  const error = harnessErrorOf(() => predict(withProfile('svsm-init2')));
  expect(error.code).toBe('VMM_PROFILE_UNKNOWN');
  expect(error.what).toBe('VMM profile svsm-init2 is of guests that start in an SVSM');
});

test('EC2 measures the CPUID page last, GCE its memory as UNMEASURED, all else stays', () => {
  const namesOf = (name: string) =>
    predict(withProfile(name)).regions.map(({ gpa, pageType }) => `${gpa.toString(16)} ${pageType}`);
  expect(namesOf('qemu-init2')).toEqual(namesOf('krun'));
  const usual = ['ffffe000 1', '800000 3', '80a000 3', '80d000 5', '80e000 6', '80f000 3', '811000 3', '810000 3'];
  expect(namesOf('qemu-init2')).toEqual(usual);
  expect(namesOf('ec2-2026-04')).toEqual([...usual.filter((row) => row !== '80e000 6'), '80e000 6']);
  expect(namesOf('gce')).toEqual(
    usual.map((row) => (/^(?:800000|80a000|811000)/.test(row) ? row.replace(/3$/, '4') : row)),
  );
});

/** PAGE_INFO written out by hand, hashed by another library. Source: AMD 56860, PAGE_INFO structure. */
function extended(digest: Uint8Array, pageType: number, gpa: bigint, contents: Uint8Array | null): Uint8Array {
  const pageInfo = Buffer.alloc(0x70);
  pageInfo.set(digest, 0);
  if (contents !== null) pageInfo.set(sha384(contents), 0x30);
  pageInfo.writeUInt16LE(0x70, 0x60);
  pageInfo.writeUInt8(pageType, 0x62);
  pageInfo.writeBigUInt64LE(gpa, 0x68);
  return sha384(pageInfo);
}

/** The pages of the made-up image's sections after its image, as an independent walk; type 0x10 without a kernel. */
function walkSections(from: Uint8Array, without: number): Uint8Array {
  const types: Record<number, number> = { 1: 3, 2: 5, 3: 6, 4: 3, 16: 3 };
  let digest = from;
  for (const { gpa, sizeBytes, type } of FIRMWARE.sections.filter((section) => section.type !== without)) {
    for (let at = gpa; at < gpa + sizeBytes; at += 4096) {
      digest = extended(digest, types[type] ?? 0, BigInt(at), null);
    }
  }
  return digest;
}

test('before March 2023 the page of hashes stands right after the firmware, section or none', () => {
  const inputs = { ...withProfile('qemu-hashes-first'), kernelHashes: HASHES, vcpus: 1 };
  const hashesPage = kernelHashesSection(HASHES, 0x810c00, 4096);
  const afterHashes = extended(FIRMWARE.pagesDigest, 1, 0x810000n, hashesPage);
  const expected = extended(walkSections(afterHashes, 0x10), 2, VMSA_GPA, bootVmsa(inputs));
  expect(hexOf(predict(inputs).launchDigest)).toBe(hexOf(expected));

  // The builds of 2022 have no section for it: the table is inside the second section of memory.
  const old = {
    ...FIRMWARE,
    hashesTable: { gpa: 0x80cc00, sizeBytes: 0x400 },
    sections: FIRMWARE.sections.filter(({ type }) => type !== 0x10),
  };
  const first = extended(FIRMWARE.pagesDigest, 1, 0x80c000n, hashesPage);
  const wanted = extended(walkSections(first, 0x10), 2, VMSA_GPA, bootVmsa(inputs));
  expect(hexOf(predict({ ...inputs, firmware: old }).launchDigest)).toBe(hexOf(wanted));
  expect(predict({ ...inputs, firmware: old }).regions[1]).toEqual({ gpa: 0x80c000n, bytes: 4096, pageType: 1 });
  const none = { ...inputs, firmware: { ...old, hashesTable: null } };
  expect(harnessErrorOf(() => predict(none)).code).toBe('OVMF_NO_HASHES_TABLE');
});

test('without a kernel the two generations of page order are one', () => {
  expect(predict(withProfile('qemu-hashes-first'))).toEqual(predict(withProfile('qemu-pre-init2')));
});

test('the address of a VMSA is all ones, page aligned, cut to 48, 51 or 52 bits', () => {
  expect(VMSA_ADDRESS_BITS.map(vmsaGpaOf)).toEqual([VMSA_GPA, 0x7_ffff_ffff_f000n, 0xf_ffff_ffff_f000n]);
  for (const bits of VMSA_ADDRESS_BITS) {
    const inputs = { ...INPUTS, profile: { ...INPUTS.profile, vmsaAddressBits: bits } };
    let digest = walkSections(FIRMWARE.pagesDigest, 0);
    digest = extended(digest, 2, vmsaGpaOf(bits), bootVmsa(inputs));
    digest = extended(digest, 2, vmsaGpaOf(bits), applicationVmsa(FIRMWARE.resetVector, inputs));
    expect(hexOf(predict(inputs).launchDigest), `${bits} bits`).toBe(hexOf(digest));
    expect(ledger(inputs).at(-1)?.gpa).toBe(vmsaGpaOf(bits));
  }
});

test('features that a profile forces are measured whatever is asked for', () => {
  const profile = { ...INPUTS.profile, forcedFeatures: 0x1n };
  expect(predict({ ...INPUTS, guestFeatures: 0x21n, profile })).toEqual(predict(INPUTS));
});
