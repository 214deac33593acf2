import { createGuest } from '../../../lib/firmware/guest-context.ts';
import { launchVmsa } from '../../../lib/firmware/kvm/vmsa.ts';
import { activate, launchStart } from '../../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../../lib/firmware/launch-update.ts';
import { ERRNO } from '../../../lib/firmware/relay.ts';
import { buildIdAuth } from '../../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../../lib/identity/id-block.ts';
import { generateKeys } from '../../../lib/identity/keys.ts';
import { expect, test } from '../../support/test.ts';
import { PLATFORM, POLICY } from '../platform.ts';
import { AT, EINVAL, FakeQemu, OK, profileOf, VCPUS } from './fake-qemu.ts';

/** The digest of one page of 0x11 and the VMSAs of the vCPUs, by the firmware alone. */
function digestOf(features: bigint, fpuStateMeasured: boolean): Uint8Array {
  const guest = createGuest();
  launchStart(guest, PLATFORM, POLICY);
  activate(guest, PLATFORM, 1);
  launchUpdate(guest, PLATFORM, { pageType: 1, gpa: 0x10_0000n, contents: new Uint8Array(4096).fill(0x11) });
  for (const vcpu of VCPUS) {
    const contents = launchVmsa(vcpu, { features, fpuStateMeasured });
    launchUpdate(guest, PLATFORM, { pageType: 2, gpa: 0xffff_ffff_f000n, contents });
  }
  return guest.launchDigest;
}

async function launched(name: string, features = 0n): Promise<FakeQemu> {
  const qemu = new FakeQemu(profileOf(name));
  expect(await qemu.init(features)).toEqual(OK);
  expect(await qemu.start(POLICY)).toEqual(OK);
  qemu.memory.fill(0x11, AT.pages, AT.pages + 4096);
  expect(await qemu.update({ gfn: 0x100, pages: 1, type: 1 })).toEqual(OK);
  return qemu;
}

test('what the profile adds is what the launch digest shows', async () => {
  const digests = [
    { name: 'upstream-6.12', asked: 0n, want: digestOf(0x1n, true) },
    { name: 'upstream-6.12', asked: 0x20n, want: digestOf(0x21n, true) },
    { name: 'amd-6.8', asked: 0n, want: digestOf(0x21n, false) },
  ];
  for (const { name, asked, want } of digests) {
    const qemu = await launched(name, asked);
    expect(await qemu.finish()).toEqual(OK);
    expect(qemu.vm.guest?.launchDigest, name).toEqual(want);
    expect(qemu.vm.guest?.state).toBe('running');
    expect(Buffer.from(qemu.vm.guest?.hostData ?? [])).toEqual(Buffer.alloc(32, 0x0d));
  }
});

test('features that a host kernel does not offer are refused', async () => {
  expect(await new FakeQemu(profileOf('amd-6.8')).init(0x20n)).toEqual(EINVAL);
  expect(await new FakeQemu(profileOf('upstream-6.12')).init(0x200n)).toEqual(EINVAL);
  expect(await new FakeQemu(profileOf('upstream-6.12')).init(0x1n), 'SNPActive is not asked for').toEqual(EINVAL);
});

test('commands out of order, or with flags, are refused by the kernel', async () => {
  const qemu = new FakeQemu(profileOf('upstream-6.12'));
  expect(await qemu.start(POLICY), 'before INIT2').toEqual(EINVAL);
  expect(await qemu.init(0n, 1)).toEqual(EINVAL);
  expect(await qemu.init()).toEqual(OK);
  expect(await qemu.init(), 'twice').toEqual(EINVAL);
  expect(await qemu.start(POLICY, 1)).toEqual(EINVAL);
  expect(await qemu.update({ gfn: 1, pages: 1, type: 1 }), 'update before start').toEqual(EINVAL);
  expect(await qemu.finish(), 'finish before start').toEqual(EINVAL);
  expect(await qemu.start(POLICY)).toEqual(OK);
  expect(await qemu.start(POLICY), 'twice').toEqual(EINVAL);
  expect(await qemu.command(7, Buffer.alloc(8)), 'a command of plain SEV').toEqual(EINVAL);
});

// EINVAL with status 0 means that the firmware was never asked; EIO with a status means that it refused.
test('a policy that the kernel refuses never reaches the firmware', async () => {
  const qemu = new FakeQemu(profileOf('upstream-6.12'));
  await qemu.init();
  expect(await qemu.start(0x20000n), 'no SMT').toEqual(EINVAL);
  expect(await qemu.start(0x130000n), 'single socket').toEqual(EINVAL);
  expect(qemu.vm.guest).toBeNull();
  expect(await qemu.start(0x30138n), 'ABI 1.56').toEqual({ errno: ERRNO.EIO, firmware: 0x07 });
  expect(await qemu.start(POLICY)).toEqual(OK);
});

// Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_start, since 6.17.
test('a kernel that leaves SMT and single socket to the firmware passes its refusal on, and a refused guest is given up', async () => {
  const host = { platform: { sockets: 2 } };
  const qemu = new FakeQemu(profileOf('upstream-6.18'), host);
  await qemu.init();
  const refused = { errno: ERRNO.EIO, firmware: 0x07 };
  expect(await qemu.start(0x20000n), 'no SMT, at SNP_LAUNCH_START').toEqual(refused);
  expect(await qemu.start(0x130000n), 'single socket, at SNP_ACTIVATE').toEqual(refused);
  expect(qemu.vm.guest).toBeNull();
  expect(await qemu.update({ gfn: 1, pages: 1, type: 1 })).toEqual(EINVAL);
  expect(await qemu.start(POLICY)).toEqual(OK);
});

// Source: Linux drivers/crypto/ccp/sev-dev.c, psp_copy_user_blob: no address, no blob.
test('an ID block without ID auth is refused by the kernel, after the vCPUs were measured', async () => {
  const qemu = await launched('upstream-6.12');
  const before = qemu.vm.guest?.launchDigest;
  expect(await qemu.finish({ idBlockEnabled: 1, idAuth: 0 })).toEqual(EINVAL);
  expect(qemu.vm.guest?.state).toBe('launch');
  expect(qemu.vm.guest?.launchDigest).not.toEqual(before);
});

test('a planted fault of KVM answers without the firmware, one of the firmware through KVM', async () => {
  const faults = [
    { command: 'KVM_SEV_SNP_LAUNCH_FINISH', errno: ERRNO.EBUSY, nth: 1 },
    { command: 'SNP_LAUNCH_FINISH', status: 0x17, nth: 1 },
    { command: 'SNP_ACTIVATE', status: 0x0d, nth: 1 },
  ] as const;
  const qemu = new FakeQemu(profileOf('upstream-6.12'), { faults });
  await qemu.init();
  expect(await qemu.start(POLICY), 'INVALID_ASID').toEqual({ errno: ERRNO.EIO, firmware: 0x0d });
  expect(await qemu.start(POLICY)).toEqual(OK);
  expect(await qemu.finish()).toEqual({ errno: ERRNO.EBUSY, firmware: 0 });
  expect(qemu.vm.guest?.launchDigest, 'KVM measured nothing').toEqual(new Uint8Array(48));
  expect(await qemu.finish()).toEqual({ errno: ERRNO.EIO, firmware: 0x17 });
  expect(await qemu.finish()).toEqual(OK);
});

test('the firmware’s refusal of an ID block is EIO with its status, and the right one is accepted', async () => {
  const keys = generateKeys();
  const finishWith = async (launchDigest: Uint8Array, policy: bigint) => {
    const qemu = await launched('upstream-6.12');
    const idBlock = buildIdBlock({ launchDigest, policy });
    qemu.memory.set(idBlock, AT.idBlock);
    qemu.memory.set(buildIdAuth({ idBlock, ...keys }), AT.idAuth);
    return qemu.finish({ idBlockEnabled: 1, authorKeyEnabled: 1 });
  };
  const right = digestOf(0x1n, true);
  expect(await finishWith(right, POLICY)).toEqual(OK);
  expect(await finishWith(digestOf(0x21n, true), POLICY)).toEqual({ errno: ERRNO.EIO, firmware: 0x0b });
  expect(await finishWith(right, 0xb0000n)).toEqual({ errno: ERRNO.EIO, firmware: 0x07 });
});

test('what finish says of keys counts: author only with an ID block, VCEK on its own', async () => {
  const qemu = await launched('upstream-6.12');
  expect(await qemu.finish({ flags: 1 })).toEqual(EINVAL);
  expect(await qemu.finish({ authorKeyEnabled: 1, vcekDisabled: 1 })).toEqual(OK);
  expect(qemu.vm.guest).toMatchObject({ authorKeyEnabled: false, vcekDisabled: true });
});
