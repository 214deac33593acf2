import { CPUID_FUNCTION, CPUID_PAGE_HEADER, type CpuidFunction } from '../../lib/abi/cpuid-page.ts';
import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import { parseLayout, serialiseLayout } from '../../lib/abi/layout.ts';
import { correctedCpuidPage } from '../../lib/firmware/cpuid-page.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import type { Platform } from '../../lib/firmware/platform.ts';
import { expect, test } from '../support/test.ts';
import { PLATFORM, startedGuest } from './platform.ts';

const MILAN: Platform = { ...PLATFORM, product: 'Milan' };

function cpuidPage(entries: readonly Partial<CpuidFunction>[], count = entries.length): Uint8Array {
  const page = new Uint8Array(4096);
  page.set(serialiseLayout(CPUID_PAGE_HEADER, { count }, 'CPUID page'));
  entries.forEach((entry, index) => {
    page.set(serialiseLayout(CPUID_FUNCTION, entry, 'CPUID_FUNCTION'), 16 + index * 48);
  });
  return page;
}

function entryOf(page: Uint8Array | undefined, index: number): CpuidFunction {
  if (page === undefined) throw new Error('the page was accepted');
  return parseLayout(CPUID_FUNCTION, page.subarray(16 + index * 48, 64 + index * 48), 'CPUID_FUNCTION');
}

/** Features that KVM makes up or that QEMU masks, and what is left of the word. Source: QEMU target/i386/sev.c. */
const LACKING = [
  ['TSC_DEADLINE', { eaxIn: 1, ecx: 0x0100_0001 }, { ecx: 0x1 }],
  ['TSC_ADJUST', { eaxIn: 7, ebx: 0x3 }, { ebx: 0x1 }],
  ['SPEC_CTRL, STIBP and SSBD of Intel', { eaxIn: 7, edx: 0x8c00_0010 }, { edx: 0x10 }],
  ['VIRT_SSBD', { eaxIn: 0x8000_0008, ebx: 0x0200_0001 }, { ebx: 0x1 }],
  ['SBPB and IBPB_BRTYPE', { eaxIn: 0x8000_0021, eax: 0x1800_0001 }, { eax: 0x1 }],
] as const;

for (const [name, entry, left] of LACKING) {
  test(`${name} is taken out of a CPUID page, and nothing else is`, () => {
    const page = cpuidPage([{ eaxIn: 0, eax: 0x10 }, entry]);
    const corrected = correctedCpuidPage(page, PLATFORM);
    expect(entryOf(corrected, 1)).toEqual({ ...entryOf(page, 1), ...left });
    expect(entryOf(corrected, 0)).toEqual(entryOf(page, 0));
    expect(correctedCpuidPage(corrected ?? page, PLATFORM), 'what was corrected is accepted').toBeUndefined();
  });
}

test('AVX-512 is a feature of Genoa and none of Milan', () => {
  const page = cpuidPage([{ eaxIn: 7, ebx: 0x1_0001 }]);
  expect(correctedCpuidPage(page, PLATFORM)).toBeUndefined();
  expect(entryOf(correctedCpuidPage(page, MILAN), 0).ebx).toBe(1);
});

test('a guest may have fewer features than the processor', () => {
  expect(correctedCpuidPage(cpuidPage([{ eaxIn: 1 }, { eaxIn: 7 }, { eaxIn: 0x8000_0021 }]), PLATFORM)).toBeUndefined();
});

test('leaf 0xD has the size of the state that it is asked for', () => {
  const leaf = { eaxIn: 0xd, xcr0In: 1n, eax: 0xe7, ebx: 0x988 };
  expect(entryOf(correctedCpuidPage(cpuidPage([leaf]), PLATFORM), 0).ebx).toBe(0x240);
  expect(correctedCpuidPage(cpuidPage([{ ...leaf, ebx: 0x240 }]), PLATFORM)).toBeUndefined();
  expect(correctedCpuidPage(cpuidPage([{ ...leaf, ecxIn: 2, ebx: 0x240 }]), PLATFORM)).toBeUndefined();
});

test('more than 64 entries, or a reserved byte in the head, are corrected', () => {
  const entries = Array.from({ length: 64 }, (_, eaxIn) => ({ eaxIn }));
  expect(correctedCpuidPage(cpuidPage(entries), PLATFORM)).toBeUndefined();
  const many = correctedCpuidPage(cpuidPage(entries, 65), PLATFORM) ?? new Uint8Array(16);
  expect(many[0]).toBe(64);
  const odd = cpuidPage([]);
  odd[9] = 1;
  expect(correctedCpuidPage(odd, PLATFORM)).toEqual(cpuidPage([]));
});

test('a refused CPUID page is not measured and holds what would be accepted, and that is measured', () => {
  const guest = startedGuest();
  const page = { pageType: 6, gpa: 0x1000n, contents: cpuidPage([{ eaxIn: 7, ebx: 0x3 }]) };
  expect(launchUpdate(guest, PLATFORM, page)).toBe(FIRMWARE_STATUS.INVALID_PARAM);
  expect(guest.launchDigest).toEqual(new Uint8Array(48));
  expect(page.contents).toEqual(cpuidPage([{ eaxIn: 7, ebx: 0x1 }]));
  expect(launchUpdate(guest, PLATFORM, page)).toBe(FIRMWARE_STATUS.SUCCESS);
  expect(guest.launchDigest).not.toEqual(new Uint8Array(48));
});

test('only a CPUID page is looked into', () => {
  const page = { pageType: 4, gpa: 0x1000n, contents: cpuidPage([{ eaxIn: 7, ebx: 0x3 }]) };
  expect(launchUpdate(startedGuest(), PLATFORM, page)).toBe(FIRMWARE_STATUS.SUCCESS);
});
