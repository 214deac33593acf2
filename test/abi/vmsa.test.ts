import { fieldOf } from '../../lib/abi/layout.ts';
import { SEV_FEATURES, VMSA } from '../../lib/abi/vmsa.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

test('VMSA covers 4096 bytes without gap or overlap', () => {
  expectSoundLayout(VMSA, 4096);
});

// Source: Linux, arch/x86/include/asm/svm.h, struct sev_es_save_area, whose reserved members carry their offset as name.
const OFFSETS = {
  'es.selector': 0x0,
  'cs.base': 0x18,
  'tr.selector': 0x90,
  reservedc8: 0xc8,
  reservedd8: 0xd8,
  cr4: 0x148,
  cr0: 0x158,
  dr7: 0x160,
  dr6: 0x168,
  rflags: 0x170,
  rip: 0x178,
  reserved1c0: 0x1c0,
  rsp: 0x1d8,
  reserved248: 0x248,
  gPat: 0x268,
  reserved298: 0x298,
  guestTscScale: 0x2f0,
  guestTscOffset: 0x2f8,
  reserved300: 0x300,
  rdx: 0x310,
  reserved320: 0x320,
  reserved380: 0x380,
  sevFeatures: 0x3b0,
  xcr0: 0x3e8,
  reserved3f0: 0x3f0,
  mxcsr: 0x408,
  x87Fcw: 0x410,
  fpregYmm: 0x570,
  reserved670: 0x670,
} as const;

for (const [name, at] of Object.entries(OFFSETS)) {
  test(`${name} stands at 0x${at.toString(16)} of the VMSA`, () => {
    expect(fieldOf(VMSA, name as keyof typeof OFFSETS).at).toBe(at);
  });
}

test('no two SEV features share a bit', () => {
  const bits = Object.values(SEV_FEATURES);
  expect(new Set(bits).size).toBe(bits.length);
});
