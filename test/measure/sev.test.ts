import { sha256 } from '@noble/hashes/sha2.js';
import { kernelHashesTable } from '../../lib/abi/kernel-hashes.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { predictSev, predictSevEs, type SevEsInputs } from '../../lib/measure/sev.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { applicationVmsa, bootVmsa } from '../../lib/measure/vmsa.ts';
import { firmwareImage, GUID, u32 } from '../support/firmware-image.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage();
const HASHES = kernelHashesOf({ kernel: Buffer.from('kernel'), initrd: null, append: 'quiet' });
const INPUTS: SevEsInputs = {
  image: IMAGE,
  kernelHashes: HASHES,
  vcpus: 3,
  vcpuSignature: 0x800f12,
  guestFeatures: 0n,
  profile: vmmProfileOf('qemu-init2'),
};
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hashed = (...parts: readonly Uint8Array[]): string => hexOf(sha256(Buffer.concat(parts)));

test('SEV hashes the firmware, and the padded table of kernel hashes after it', () => {
  expect(hexOf(predictSev({ image: IMAGE, kernelHashes: null }))).toBe(hashed(IMAGE));
  expect(hexOf(predictSev(INPUTS))).toBe(hashed(IMAGE, kernelHashesTable(HASHES)));
});

test('SEV-ES hashes one VMSA a vCPU after that, with and without FPU state', () => {
  for (const name of ['qemu-init2', 'qemu-pre-init2']) {
    const inputs = { ...INPUTS, profile: vmmProfileOf(name) };
    const application = applicationVmsa(0x80b004, inputs);
    const expected = hashed(IMAGE, kernelHashesTable(HASHES), bootVmsa(inputs), application, application);
    expect(hexOf(predictSevEs(inputs)), name).toBe(expected);
  }
  expect(hexOf(predictSevEs({ ...INPUTS, vcpus: 1, kernelHashes: null }))).toBe(hashed(IMAGE, bootVmsa(INPUTS)));
});

test('neither needs SNP metadata; SEV-ES needs a reset vector, and a kernel a table of hashes', () => {
  const image = firmwareImage({ entries: [[GUID.resetBlock, u32(0x0080b004)]] });
  expect(predictSevEs({ ...INPUTS, image, kernelHashes: null })).toHaveLength(32);
  const refusal = harnessErrorOf(() => predictSev({ image, kernelHashes: HASHES }));
  expect(refusal.code).toBe('OVMF_NO_HASHES_TABLE');
  expect(refusal.hint).toContain('AmdSev');
  const resetless = firmwareImage({ entries: [] });
  expect(predictSev({ image: resetless, kernelHashes: null })).toHaveLength(32);
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, image: resetless, kernelHashes: null }))).toBe(
    'OVMF_TABLE_INVALID',
  );
});

test('wrong inputs are refused by code', () => {
  expect(errorCodeOf(() => predictSev({ ...INPUTS, image: new Uint8Array(100) }))).toBe('OVMF_SIZE');
  expect(errorCodeOf(() => predictSev({ ...INPUTS, image: new Uint8Array(4096) }))).toBe('OVMF_NO_TABLE');
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, vcpus: 0 }))).toBe('VCPU_COUNT');
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, vcpuSignature: 2 ** 32 }))).toBe('NUMBER_INVALID');
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, vcpuSignature: null }))).toBe('VCPU_TYPE_UNKNOWN');
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, guestFeatures: 1n }))).toBe('GUEST_FEATURES_INVALID');
  expect(errorCodeOf(() => predictSevEs({ ...INPUTS, profile: vmmProfileOf('svsm-init2') }))).toBe(
    'VMM_PROFILE_UNKNOWN',
  );
});
