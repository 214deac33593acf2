import { type Fault, FaultTable } from '../../../lib/firmware/faults.ts';
import { SevVm } from '../../../lib/firmware/kvm/sev-commands.ts';
import type { Platform } from '../../../lib/firmware/platform.ts';
import { HOST_PROFILES, type HostProfile } from '../../../lib/firmware/profiles.ts';
import { type Answer, type Caller, ERRNO } from '../../../lib/firmware/relay.ts';
import { expect } from '../../support/test.ts';
import { PLATFORM, POLICY } from '../platform.ts';
import { resetVcpu } from '../reset-vcpu.ts';

/** Source: Linux arch/x86/include/uapi/asm/kvm.h, enum sev_cmd_id. */
const COMMAND = { INIT2: 22, START: 100, UPDATE: 101, FINISH: 102 } as const;
/** Where QEMU keeps things in these tests. */
export const AT = { command: 0x100, data: 0x200, idBlock: 0x400, idAuth: 0x1000, pages: 0x4000 };
export const VCPUS = [resetVcpu(0, 0x800f12n), resetVcpu(1, 0x800f12n)];

/** What of the host is not as usual. */
export interface FakeHost {
  platform?: Partial<Platform>;
  faults?: readonly Fault[];
}

/** QEMU's memory and its launch commands. */
export class FakeQemu {
  readonly memory = Buffer.alloc(0x10_0000);
  readonly vm: SevVm;

  constructor(profile: HostProfile, { platform, faults }: FakeHost = {}) {
    this.vm = new SevVm({ profile, platform: { ...PLATFORM, ...platform }, faults: new FaultTable(faults) });
  }

  readonly #caller: Caller = {
    peek: async (address, bytes) => this.memory.subarray(Number(address), Number(address) + bytes),
    poke: (address, bytes) => void this.memory.set(bytes, Number(address)),
    store: () => undefined,
    later: () => undefined,
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

  finish({ idBlockEnabled = 0, authorKeyEnabled = 0, vcekDisabled = 0, flags = 0, idAuth = AT.idAuth } = {}) {
    const payload = Buffer.alloc(88);
    payload.writeBigUInt64LE(BigInt(AT.idBlock), 0);
    payload.writeBigUInt64LE(BigInt(idAuth), 8);
    payload.set([idBlockEnabled, authorKeyEnabled, vcekDisabled], 16);
    payload.fill(0x0d, 19, 51);
    payload.writeUInt16LE(flags, 54);
    return this.command(COMMAND.FINISH, payload);
  }
}

/** Answers of an ioctl, with what stands in its status afterwards. */
export const OK = { result: 0, firmware: 0 };
export const EINVAL = { errno: ERRNO.EINVAL, firmware: 0 };

/** A host profile by its name. */
export function profileOf(name: string): HostProfile {
  const profile = HOST_PROFILES.find((row) => row.name === name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}

/** After INIT2 and SNP_LAUNCH_START. */
export async function started(name = 'upstream-6.12', host: FakeHost = {}): Promise<FakeQemu> {
  const qemu = new FakeQemu(profileOf(name), host);
  expect(await qemu.init()).toEqual(OK);
  expect(await qemu.start(POLICY)).toEqual(OK);
  return qemu;
}
