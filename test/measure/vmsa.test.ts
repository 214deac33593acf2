import { diffLayout, parseLayout } from '../../lib/abi/layout.ts';
import { VMSA } from '../../lib/abi/vmsa.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { applicationVmsa, bootVmsa, type VcpuState } from '../../lib/measure/vmsa.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const STATE: VcpuState = { vcpuSignature: 0x800f12, guestFeatures: 1n, profile: vmmProfileOf('qemu-init2') };
const RESET_VECTOR = 0x0080b004;

const changed = (left: Uint8Array, right: Uint8Array): string[] =>
  diffLayout(VMSA, left, right, 'VMSA').map(({ name }) => name);

// Source: sev-snp-measure 0.0.13, dump of the nonzero bytes of its QEMU VMSA: offset and bytes.
const BOOT_BYTES: readonly (readonly [number, string])[] = [
  [0x000, '00009300ffff0000'],
  [0x010, '00f09b00ffff00000000ffff00000000'],
  [0x020, '00009300ffff0000'],
  [0x030, '00009300ffff0000'],
  [0x040, '00009300ffff0000'],
  [0x050, '00009300ffff0000'],
  [0x060, '00000000ffff0000'],
  [0x070, '00008200ffff0000'],
  [0x080, '00000000ffff0000'],
  [0x090, '00008b00ffff0000'],
  [0x0d0, '0010'],
  [0x148, '40'],
  [0x158, '10'],
  [0x160, '0004'],
  [0x168, 'f00fffff'],
  [0x170, '02'],
  [0x178, 'f0ff'],
  [0x268, '0604070006040700'],
  [0x310, '120f80'],
  [0x3b0, '01'],
  [0x3e8, '01'],
  [0x408, '801f'],
  [0x410, '7f03'],
];

test('the VMSA of vCPU 0 has exactly the nonzero bytes of a published one', () => {
  const expected = Buffer.alloc(4096);
  for (const [at, hex] of BOOT_BYTES) expected.write(hex, at, 'hex');
  expect(diffLayout(VMSA, bootVmsa(STATE), expected, 'VMSA')).toEqual([]);
});

test('the other vCPUs differ from vCPU 0 in where they start, and only there', () => {
  const application = applicationVmsa(RESET_VECTOR, STATE);
  expect(changed(bootVmsa(STATE), application)).toEqual(['cs.base', 'rip']);
  expect(parseLayout(VMSA, application, 'VMSA')).toMatchObject({ 'cs.base': 0x800000n, rip: 0xb004n });
});

test('a reset vector in the upper half of the address space stays positive', () => {
  const high = parseLayout(VMSA, applicationVmsa(0xfff0_fff0, STATE), 'VMSA');
  expect(high).toMatchObject({ 'cs.base': 0xfff0_0000n, rip: 0xfff0n });
});

test('each input changes its own fields and no other', () => {
  const usual = bootVmsa(STATE);
  expect(changed(usual, bootVmsa({ ...STATE, vcpuSignature: 0xa00f11 }))).toEqual(['rdx']);
  expect(changed(usual, bootVmsa({ ...STATE, guestFeatures: 0x21n }))).toEqual(['sevFeatures']);
  expect(changed(usual, bootVmsa({ ...STATE, profile: vmmProfileOf('qemu-pre-init2') }))).toEqual(['mxcsr', 'x87Fcw']);
});

test('features wider than their field are refused', () => {
  expect(errorCodeOf(() => bootVmsa({ ...STATE, guestFeatures: 1n << 64n }))).toBe('LAYOUT_VALUE');
});
