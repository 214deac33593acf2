import { FaultTable } from '../../../lib/firmware/faults.ts';
import type { GuestContext } from '../../../lib/firmware/guest-context.ts';
import { EmulatedDevices } from '../../../lib/firmware/kvm/devices.ts';
import { KVM, SEV_ISSUE_CMD } from '../../../lib/firmware/kvm/ioctls.ts';
import { HOST_PROFILES } from '../../../lib/firmware/profiles.ts';
import { type Answer, type Caller, type Descriptor, ERRNO } from '../../../lib/firmware/relay.ts';
import { expect, test } from '../../support/test.ts';
import { PLATFORM, POLICY } from '../platform.ts';
import { resetVcpu } from '../reset-vcpu.ts';

const [PROFILE] = HOST_PROFILES;

/** A QEMU with 64 KiB of memory that calls the emulated devices. */
class FakeQemu {
  readonly memory = Buffer.alloc(0x1_0000);
  readonly created: { handle: number; descriptor: Descriptor }[] = [];
  readonly played: GuestContext[] = [];
  readonly devices: EmulatedDevices;
  readonly #caller: Caller = {
    peek: async (address, bytes) => this.memory.subarray(Number(address), Number(address) + bytes),
    poke: (address, bytes) => void this.memory.set(bytes, Number(address)),
    store: () => undefined,
    later: () => undefined,
    create: (handle, descriptor) => void this.created.push({ handle, descriptor }),
    interrupted: new Promise(() => undefined),
  };

  constructor() {
    if (PROFILE === undefined) throw new Error('no profile');
    this.devices = new EmulatedDevices(
      { profile: PROFILE, platform: PLATFORM, faults: new FaultTable() },
      (_exits, guest) => void this.played.push(guest),
    );
  }

  open(path: string): Answer {
    return this.devices.open(path, this.#caller);
  }

  /** @param input what the shim sends along; by default what stands at the argument */
  ioctl(handle: number, request: number, argument = 0, input?: Uint8Array): Promise<Answer> {
    const bytes = (request >>> 16) & 0x3fff;
    const along = input ?? this.memory.subarray(argument, argument + bytes);
    return this.devices.ioctl({ handle, request, argument: BigInt(argument), input: along }, this.#caller);
  }

  /** The handle that the last call created. */
  get newest(): number {
    return this.created.at(-1)?.handle ?? 0;
  }

  /** Makes a VM with vCPUs. */
  async vm(vcpus: number): Promise<{ vm: number; vcpus: number[] }> {
    this.open('/dev/kvm');
    await this.ioctl(this.newest, KVM.CREATE_VM, 4);
    const vm = this.newest;
    const handles: number[] = [];
    for (let id = 0; id < vcpus; id++) {
      await this.ioctl(vm, KVM.CREATE_VCPU, id);
      handles.push(this.newest);
    }
    return { vm, vcpus: handles };
  }
}

// Source: Linux include/uapi/linux/kvm.h and psp-sev.h, as strace prints them.
test('request numbers are those of Linux', () => {
  expect(KVM.MEMORY_ENCRYPT_OP).toBe(0xc008aeba);
  expect(KVM.GET_DEVICE_ATTR).toBe(0x4018aee2);
  expect(KVM.RUN).toBe(0xae80);
  expect(KVM.GET_SREGS2).toBe(0x8140aecc);
  expect(KVM.SET_SREGS2).toBe(0x4140aecd);
  expect(KVM.CREATE_GUEST_MEMFD).toBe(0xc040aed4);
  expect(SEV_ISSUE_CMD).toBe(0xc0105300);
});

test('there are two devices, and no other', () => {
  const qemu = new FakeQemu();
  expect(qemu.open('/dev/kvm')).toEqual({ result: 0 });
  expect(qemu.open('/dev/sev')).toEqual({ result: 0 });
  expect(qemu.open('/dev/tdx')).toEqual({ errno: ERRNO.ENOENT });
  expect(qemu.created).toHaveLength(2);
});

test('what nothing answers is refused, and named', async () => {
  const qemu = new FakeQemu();
  qemu.open('/dev/kvm');
  expect(await qemu.ioctl(1, 0xae99)).toEqual({ errno: ERRNO.ENOTTY });
  expect(await qemu.ioctl(1, KVM.GET_REGS)).toEqual({ errno: ERRNO.ENOTTY });
  expect(await qemu.ioctl(99, KVM.RUN)).toEqual({ errno: ERRNO.ENOTTY });
  expect([...qemu.devices.unanswered]).toEqual(['ioctl 0xae99 on kvm', 'KVM_GET_REGS on kvm', 'KVM_RUN on handle 99']);
});

test('VMs are plain or SNP', async () => {
  const qemu = new FakeQemu();
  qemu.open('/dev/kvm');
  const answers = await Promise.all([0, 2, 3, 4, 7].map((type) => qemu.ioctl(1, KVM.CREATE_VM, type)));
  const refused = { errno: ERRNO.EINVAL };
  expect(answers).toEqual([{ result: 0 }, refused, refused, { result: 0 }, refused]);
});

test('a list with too little room is refused, and one with enough is whole', async () => {
  const qemu = new FakeQemu();
  qemu.open('/dev/kvm');
  qemu.memory.writeUInt32LE(1, 0x100);
  expect(await qemu.ioctl(1, KVM.GET_MSR_INDEX_LIST, 0x100)).toEqual({ errno: ERRNO.E2BIG });
  const count = qemu.memory.readUInt32LE(0x100);
  expect(await qemu.ioctl(1, KVM.GET_MSR_INDEX_LIST, 0x100), 'the refusal says how much').toEqual({ result: 0 });
  const msrs = Array.from({ length: count }, (_, row) => qemu.memory.readUInt32LE(0x104 + row * 4));
  expect(msrs).toContain(0x277);
  expect(new Set(msrs).size).toBe(count);
  qemu.memory.writeUInt32LE(1, 0x400);
  expect(await qemu.ioctl(1, KVM.GET_SUPPORTED_CPUID, 0x400)).toEqual({ errno: ERRNO.E2BIG });
  qemu.memory.writeUInt32LE(100, 0x400);
  expect(await qemu.ioctl(1, KVM.GET_SUPPORTED_CPUID, 0x400)).toEqual({ result: 0 });
  const leaves = qemu.memory.readUInt32LE(0x400);
  expect(qemu.memory.readUInt32LE(0x408 + (leaves - 1) * 40)).toBe(0x80000022);
});

test('a vCPU gives back what was set: state, MSRs and CPUID', async () => {
  const qemu = new FakeQemu();
  const [vcpu = 0] = (await qemu.vm(1)).vcpus;
  qemu.memory.fill(0x5a, 0x1000, 0x1000 + 144);
  expect(await qemu.ioctl(vcpu, KVM.SET_REGS, 0x1000)).toEqual({ result: 0 });
  qemu.memory.fill(0, 0x1000, 0x1000 + 144);
  expect(await qemu.ioctl(vcpu, KVM.GET_REGS, 0x2000)).toEqual({ result: 0 });
  expect(qemu.memory.subarray(0x2000, 0x2000 + 144)).toEqual(Buffer.alloc(144, 0x5a));

  const msrs = Buffer.alloc(40);
  msrs.writeUInt32LE(2, 0);
  for (const [row, [msr, value]] of [
    [0x277, 7n],
    [0x10, 8n],
  ].entries()) {
    msrs.writeUInt32LE(Number(msr), 8 + row * 16);
    msrs.writeBigUInt64LE(BigInt(value ?? 0), 16 + row * 16);
  }
  qemu.memory.set(msrs, 0x3000);
  expect(await qemu.ioctl(vcpu, KVM.SET_MSRS, 0x3000)).toEqual({ result: 2 });
  for (const at of [16, 32]) qemu.memory.fill(0, 0x3000 + at, 0x3000 + at + 8);
  expect(await qemu.ioctl(vcpu, KVM.GET_MSRS, 0x3000)).toEqual({ result: 2 });
  expect([16, 32].map((at) => qemu.memory.readBigUInt64LE(0x3000 + at))).toEqual([7n, 8n]);

  qemu.memory.writeUInt32LE(2, 0x4000);
  qemu.memory.fill(0x33, 0x4008, 0x4008 + 80);
  expect(await qemu.ioctl(vcpu, KVM.SET_CPUID2, 0x4000)).toEqual({ result: 0 });
  qemu.memory.fill(0, 0x4000, 0x4008 + 80);
  expect(await qemu.ioctl(vcpu, KVM.GET_CPUID2, 0x5000)).toEqual({ result: 0 });
  expect(qemu.memory.readUInt32LE(0x5000)).toBe(2);
  expect(qemu.memory.subarray(0x5008, 0x5008 + 80)).toEqual(Buffer.alloc(80, 0x33));
});

test('the state of one vCPU is not that of another', async () => {
  const qemu = new FakeQemu();
  const [one = 0, two = 0] = (await qemu.vm(2)).vcpus;
  await qemu.ioctl(one, KVM.SET_REGS, 0, Buffer.alloc(144, 1));
  await qemu.ioctl(two, KVM.GET_REGS, 0x2000);
  expect(qemu.memory.subarray(0x2000, 0x2000 + 144)).toEqual(Buffer.alloc(144));
});

test('the platform status of /dev/sev is that of the platform', async () => {
  const qemu = new FakeQemu();
  qemu.open('/dev/sev');
  const issue = Buffer.alloc(16);
  issue.writeUInt32LE(1, 0);
  issue.writeBigUInt64LE(0x800n, 4);
  qemu.memory.set(issue, 0x100);
  expect(await qemu.ioctl(1, SEV_ISSUE_CMD, 0x100)).toEqual({ result: 0 });
  expect([...qemu.memory.subarray(0x800, 0x808)]).toEqual([1, 55, 1, 0, 0, 0, 0, 39]);
  issue.writeUInt32LE(77, 0);
  qemu.memory.set(issue, 0x100);
  expect(await qemu.ioctl(1, SEV_ISSUE_CMD, 0x100)).toEqual({ errno: ERRNO.EIO });
  expect(qemu.memory.readUInt32LE(0x10c), 'INVALID_COMMAND').toBe(0x11);
});

test('the guest plays once, when the firmware lets it run', async () => {
  const qemu = new FakeQemu();
  const { vm, vcpus } = await qemu.vm(1);
  const state = resetVcpu(0, 0x800f12n);
  await qemu.ioctl(vcpus[0] ?? 0, KVM.SET_SREGS2, 0, state.block('sregs2'));
  const command = async (id: number, payload: Uint8Array): Promise<Answer> => {
    qemu.memory.fill(0, 0x100, 0x200);
    qemu.memory.writeUInt32LE(id, 0x100);
    qemu.memory.writeBigUInt64LE(0x200n, 0x108);
    qemu.memory.set(payload, 0x200);
    return qemu.ioctl(vm, KVM.MEMORY_ENCRYPT_OP, 0x100);
  };
  const start = Buffer.alloc(64);
  start.writeBigUInt64LE(POLICY);
  expect(await command(22, Buffer.alloc(48))).toEqual({ result: 0 });
  expect(await command(100, start)).toEqual({ result: 0 });
  expect(qemu.played).toEqual([]);
  expect(await command(102, Buffer.alloc(88))).toEqual({ result: 0 });
  expect(qemu.played.map((guest) => guest.state)).toEqual(['running']);
  expect(await command(102, Buffer.alloc(88)), 'INVALID_GUEST_STATE').toEqual({ errno: ERRNO.EIO });
  expect(qemu.played).toHaveLength(1);
});
