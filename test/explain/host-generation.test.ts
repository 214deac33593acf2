import type { HostProvenance } from '../../lib/evidence/schema.ts';
import { kernelNumber, kernelWords, measuresFpu, qemuNumber, qemuWords } from '../../lib/explain/host-generation.ts';
import { expect, test } from '../support/test.ts';

const HOST: HostProvenance = {
  ...{ name: 'milan-1', kind: 'hardware', profile: null, vmmProfile: 'qemu-init2', cbitpos: 51 },
  qemu: { default: { path: '/q', version: 'QEMU emulator version 9.1.2' }, odd: { path: '/o', version: 'unknown' } },
  kernel: 'Linux 6.10.3-snp x86_64',
};

test('versions are compared by major and minor number, of the kernel that the host passes for', () => {
  expect(kernelNumber(HOST)).toBe(610);
  expect(kernelNumber({ ...HOST, kernel: 'Linux 6.9.12' })).toBe(609);
  expect(kernelNumber({ ...HOST, kernel: 'Linux' })).toBeNull();
  expect(kernelNumber({ ...HOST, kind: 'emulated', profile: 'amd-6.8' })).toBe(608);
  expect(kernelNumber({ ...HOST, kind: 'emulated' })).toBeNull();
  expect(['default', 'odd', 'none', 'constructor'].map((build) => qemuNumber(HOST, build))).toEqual([
    901,
    null,
    null,
    null,
  ]);
});

test('FPU state is measured since 6.10, was not before 6.9, and 6.9 does not tell', () => {
  const of = (kernel: string): boolean | null => measuresFpu({ ...HOST, kernel });
  expect(['6.8', '6.9', '6.10', '7.0', 'Linux'].map(of)).toEqual([false, null, true, true, null]);
});

test('host kernel and QEMU are put into words as the host says them', () => {
  expect(kernelWords(HOST)).toBe('its kernel is Linux 6.10.3-snp x86_64');
  expect(kernelWords({ ...HOST, kind: 'emulated', profile: 'amd-6.8' })).toBe('the host passes for amd-6.8');
  expect(qemuWords(HOST, 'default')).toBe('its QEMU is QEMU emulator version 9.1.2');
  expect(qemuWords(HOST, 'none')).toBe('its QEMU is ');
});
