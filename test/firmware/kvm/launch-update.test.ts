import { CPUID_FUNCTION, CPUID_PAGE_HEADER } from '../../../lib/abi/cpuid-page.ts';
import { serialiseLayout } from '../../../lib/abi/layout.ts';
import { ERRNO } from '../../../lib/firmware/relay.ts';
import { expect, test } from '../../support/test.ts';
import { AT, EINVAL, type FakeQemu, OK, started } from './fake-qemu.ts';

/** gfn_start, uaddr and len of the last region, as KVM left them. */
const progress = (qemu: FakeQemu): number[] =>
  [0, 8, 16].map((at) => Number(qemu.memory.readBigUInt64LE(AT.data + at)));

test('a region is measured page by page, and its progress told', async () => {
  const one = await started();
  one.memory.fill(0x22, AT.pages + 4096, AT.pages + 8192);
  expect(await one.update({ gfn: 0x800, pages: 2, type: 1 })).toEqual(OK);
  expect(progress(one)).toEqual([0x802, AT.pages + 8192, 0]);
  const two = await started();
  await two.update({ gfn: 0x800, pages: 1, type: 1 });
  two.memory.fill(0x22, AT.pages, AT.pages + 4096);
  await two.update({ gfn: 0x801, pages: 1, type: 1 });
  expect(two.vm.guest?.launchDigest).toEqual(one.vm.guest?.launchDigest);
});

test('a region that is no region, or a VMSA from QEMU, is refused by the kernel', async () => {
  const qemu = await started();
  const base = { gfn: 1, pages: 1, type: 1 };
  for (const wrong of [
    { bytes: 0 },
    { bytes: 100 },
    { bytes: 2 ** 40 },
    { type: 2 },
    { type: 0 },
    { type: 7 },
    { flags: 1 },
  ]) {
    expect(await qemu.update({ ...base, ...wrong }), JSON.stringify(wrong)).toEqual(EINVAL);
  }
  expect(qemu.vm.guest?.launchDigest).toEqual(new Uint8Array(48));
});

// Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_update: the source of ZERO pages is neither read nor moved on.
test('ZERO pages have no source', async () => {
  const [full, empty] = [await started(), await started()];
  full.memory.fill(0x22, AT.pages, AT.pages + 4096);
  for (const qemu of [full, empty]) expect(await qemu.update({ gfn: 0x800, pages: 2, type: 3 })).toEqual(OK);
  expect(progress(full)).toEqual([0x802, AT.pages, 0]);
  expect(full.vm.guest?.launchDigest).toEqual(empty.vm.guest?.launchDigest);
});

// Source: Linux virt/kvm/guest_memfd.c, kvm_gmem_populate: what was done counts, and the rest is the next call's.
test('a page that is the guest’s already is refused without a status, the pages before it are told as done', async () => {
  const qemu = await started();
  expect(await qemu.update({ gfn: 0x802, pages: 1, type: 1 })).toEqual(OK);
  expect(await qemu.update({ gfn: 0x800, pages: 4, type: 1 })).toEqual(OK);
  expect(progress(qemu)).toEqual([0x802, AT.pages + 8192, 8192]);
  const measured = qemu.vm.guest?.launchDigest;
  expect(await qemu.update({ gfn: 0x802, pages: 2, type: 1 })).toEqual({ errno: ERRNO.EIO, firmware: 0 });
  expect(qemu.vm.guest?.launchDigest).toEqual(measured);
});

// Source: Linux arch/x86/kvm/svm/sev.c, sev_gmem_post_populate.
test('what the firmware would accept of a CPUID page is written back to QEMU, for INVALID_PARAM alone', async () => {
  const cpuid = (ebx: number): Uint8Array => {
    const page = new Uint8Array(4096);
    page.set(serialiseLayout(CPUID_PAGE_HEADER, { count: 1 }, 'CPUID page'));
    page.set(serialiseLayout(CPUID_FUNCTION, { eaxIn: 7, ebx }, 'CPUID_FUNCTION'), 16);
    return page;
  };
  const inMemory = (qemu: FakeQemu): Uint8Array => Uint8Array.from(qemu.memory.subarray(AT.pages, AT.pages + 4096));
  const one = { gfn: 0x80d, pages: 1, type: 6 };
  const qemu = await started();
  qemu.memory.set(cpuid(0x3), AT.pages);
  expect(await qemu.update(one)).toEqual({ errno: ERRNO.EIO, firmware: 0x16 });
  expect(inMemory(qemu)).toEqual(cpuid(0x1));
  expect(await qemu.update(one), 'the same page, corrected').toEqual(OK);
  const broken = await started('upstream-6.12', {
    faults: [{ command: 'SNP_LAUNCH_UPDATE', status: 0x17, insteadOf: 0x16 }],
  });
  broken.memory.set(cpuid(0x3), AT.pages);
  expect(await broken.update(one)).toEqual({ errno: ERRNO.EIO, firmware: 0x17 });
  expect(inMemory(broken)).toEqual(cpuid(0x3));
});
