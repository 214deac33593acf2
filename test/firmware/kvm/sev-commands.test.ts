import { createGuest } from '../../../lib/firmware/guest-context.ts';
import { SevVm } from '../../../lib/firmware/kvm/sev-commands.ts';
import { launchVmsa } from '../../../lib/firmware/kvm/vmsa.ts';
import { launchStart } from '../../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../../lib/firmware/launch-update.ts';
import { HOST_PROFILES, type HostProfile } from '../../../lib/firmware/profiles.ts';
import { type Answer, type Caller, ERRNO } from '../../../lib/firmware/relay.ts';
import { buildIdAuth } from '../../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../../lib/identity/id-block.ts';
import { generateKeys } from '../../../lib/identity/keys.ts';
import { expect, test } from '../../support/test.ts';
import { PLATFORM, POLICY } from '../platform.ts';
import { resetVcpu } from '../reset-vcpu.ts';

/** Source: Linux arch/x86/include/uapi/asm/kvm.h, enum sev_cmd_id. */
const COMMAND = { INIT2: 22, START: 100, UPDATE: 101, FINISH: 102 } as const;
/** Where QEMU keeps things in these tests. */
const AT = { command: 0x100, data: 0x200, idBlock: 0x400, idAuth: 0x1000, pages: 0x4000 };
const VCPUS = [resetVcpu(0, 0x800f12n), resetVcpu(1, 0x800f12n)];

/** QEMU's memory and its launch commands. */
class FakeQemu {
  readonly memory = Buffer.alloc(0x10_0000);
  readonly vm: SevVm;

  constructor(profile: HostProfile) {
    this.vm = new SevVm(profile, PLATFORM);
  }

  readonly #caller: Caller = {
    peek: async (address, bytes) => this.memory.subarray(Number(address), Number(address) + bytes),
    poke: (address, bytes) => void this.memory.set(bytes, Number(address)),
    store: () => undefined,
    create: () => undefined,
    interrupted: new Promise(() => undefined),
  };

  /** KVM_MEMORY_ENCRYPT_OP. @returns what the ioctl returns, and the firmware's status beside it */
  async command(id: number, payload: Uint8Array): Promise<Answer & { firmware: number }> {
    this.memory.writeUInt32LE(id, AT.command);
    this.memory.writeBigUInt64LE(BigInt(AT.data), AT.command + 8);
    this.memory.writeUInt32LE(0, AT.command + 16);
    this.memory.set(payload, AT.data);
    const answer = await this.vm.command(BigInt(AT.command), this.#caller, VCPUS);
    return { ...answer, firmware: this.memory.readUInt32LE(AT.command + 16) };
  }

  init(features = 0n, flags = 0) {
    const payload = Buffer.alloc(48);
    payload.writeBigUInt64LE(features, 0);
    payload.writeUInt32LE(flags, 8);
    return this.command(COMMAND.INIT2, payload);
  }

  start(policy: bigint, flags = 0) {
    const payload = Buffer.alloc(64);
    payload.writeBigUInt64LE(policy, 0);
    payload.writeUInt16LE(flags, 24);
    return this.command(COMMAND.START, payload);
  }

  update({
    gfn,
    pages,
    type,
    flags = 0,
    bytes = pages * 4096,
  }: Record<'gfn' | 'pages' | 'type', number> & { flags?: number; bytes?: number }) {
    const payload = Buffer.alloc(64);
    payload.writeBigUInt64LE(BigInt(gfn), 0);
    payload.writeBigUInt64LE(BigInt(AT.pages), 8);
    payload.writeBigUInt64LE(BigInt(bytes), 16);
    payload.writeUInt8(type, 24);
    payload.writeUInt16LE(flags, 26);
    return this.command(COMMAND.UPDATE, payload);
  }

  finish({ idBlockEnabled = 0, authorKeyEnabled = 0, vcekDisabled = 0, flags = 0 } = {}) {
    const payload = Buffer.alloc(88);
    payload.writeBigUInt64LE(BigInt(AT.idBlock), 0);
    payload.writeBigUInt64LE(BigInt(AT.idAuth), 8);
    payload.set([idBlockEnabled, authorKeyEnabled, vcekDisabled], 16);
    payload.fill(0x0d, 19, 51);
    payload.writeUInt16LE(flags, 54);
    return this.command(COMMAND.FINISH, payload);
  }
}

const OK = { result: 0, firmware: 0 };
const EINVAL = { errno: ERRNO.EINVAL, firmware: 0 };

function profileOf(name: string): HostProfile {
  const profile = HOST_PROFILES.find((row) => row.name === name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}

async function started(name = 'upstream-6.12'): Promise<FakeQemu> {
  const qemu = new FakeQemu(profileOf(name));
  expect(await qemu.init()).toEqual(OK);
  expect(await qemu.start(POLICY)).toEqual(OK);
  return qemu;
}

/** The digest of one page of 0x11 and the VMSAs of the vCPUs, by the firmware alone. */
function digestOf(features: bigint, fpuStateMeasured: boolean): Uint8Array {
  const guest = createGuest();
  launchStart(guest, PLATFORM, POLICY);
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
    expect(qemu.vm.guest.launchDigest, name).toEqual(want);
    expect(qemu.vm.guest.state).toBe('running');
    expect(Buffer.from(qemu.vm.guest.hostData)).toEqual(Buffer.alloc(32, 0x0d));
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
  expect(await qemu.command(7, Buffer.alloc(8)), 'a command of plain SEV').toEqual(EINVAL);
});

// EINVAL with status 0 means that the firmware was never asked; EIO with a status means that it refused.
test('a policy that the kernel refuses never reaches the firmware', async () => {
  const qemu = new FakeQemu(profileOf('upstream-6.12'));
  await qemu.init();
  expect(await qemu.start(0x20000n), 'no SMT').toEqual(EINVAL);
  expect(await qemu.start(0x130000n), 'single socket').toEqual(EINVAL);
  expect(qemu.vm.guest.state).toBe('init');
  expect(await qemu.start(0x30138n), 'ABI 1.56').toEqual({ errno: ERRNO.EIO, firmware: 0x07 });
  expect(await qemu.start(POLICY)).toEqual(OK);
});

test('a region is measured page by page, and its progress told', async () => {
  const one = await started();
  one.memory.fill(0x22, AT.pages + 4096, AT.pages + 8192);
  expect(await one.update({ gfn: 0x800, pages: 2, type: 1 })).toEqual(OK);
  expect([0, 8, 16].map((at) => Number(one.memory.readBigUInt64LE(AT.data + at)))).toEqual([0x802, AT.pages + 8192, 0]);
  const two = await started();
  await two.update({ gfn: 0x800, pages: 1, type: 1 });
  two.memory.fill(0x22, AT.pages, AT.pages + 4096);
  await two.update({ gfn: 0x801, pages: 1, type: 1 });
  expect(two.vm.guest.launchDigest).toEqual(one.vm.guest.launchDigest);
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
  expect(qemu.vm.guest.launchDigest).toEqual(new Uint8Array(48));
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
