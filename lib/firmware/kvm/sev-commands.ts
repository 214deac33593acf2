import { FIRMWARE_STATUS } from '../../abi/firmware-status.ts';
import { PAGE_BYTES, PAGE_TYPE, VMSA_GPA } from '../../abi/page-info.ts';
import { createGuest, type GuestContext } from '../guest-context.ts';
import { launchFinish } from '../launch-finish.ts';
import { launchStart } from '../launch-start.ts';
import { launchUpdate } from '../launch-update.ts';
import type { Platform } from '../platform.ts';
import { type HostProfile, kernelAcceptsPolicy } from '../profiles.ts';
import { type Answer, type Caller, ERRNO } from '../relay.ts';
import type { Vcpu } from './vcpu.ts';
import { launchVmsa } from './vmsa.ts';

/** KVM_MEMORY_ENCRYPT_OP commands. Source: Linux arch/x86/include/uapi/asm/kvm.h, enum sev_cmd_id. */
const COMMAND = { INIT2: 22, SNP_LAUNCH_START: 100, SNP_LAUNCH_UPDATE: 101, SNP_LAUNCH_FINISH: 102 } as const;

const SEV_CMD_BYTES = 24;
/** Regions larger than the largest firmware image are a defect of QEMU or an attack on this process. */
const MAX_REGION_BYTES = 256 * 1024 * 1024;
const USERSPACE_PAGE_TYPES: readonly number[] = [
  PAGE_TYPE.NORMAL,
  PAGE_TYPE.ZERO,
  PAGE_TYPE.UNMEASURED,
  PAGE_TYPE.SECRETS,
  PAGE_TYPE.CPUID,
];

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const PENDING_BEFORE_YIELD = 128;

/** The SEV side of one emulated VM: what KVM does with the launch commands before, at and after the firmware. */
export class SevVm {
  readonly guest: GuestContext = createGuest();
  readonly #profile: HostProfile;
  readonly #platform: Platform;
  #features = 0n;
  #initialised = false;

  constructor(profile: HostProfile, platform: Platform) {
    this.#profile = profile;
    this.#platform = platform;
  }

  /** KVM_MEMORY_ENCRYPT_OP. @param argument address of struct kvm_sev_cmd; 0 only asks whether SEV is there */
  async command(argument: bigint, caller: Caller, vcpus: readonly Vcpu[]): Promise<Answer> {
    if (argument === 0n) return { result: 0 };
    const command = view(await caller.peek(argument, SEV_CMD_BYTES));
    const data = command.getBigUint64(8, true);
    const outcome = await this.#dispatch(command.getUint32(0, true), data, caller, vcpus);
    if ('errno' in outcome) return outcome;
    const error = Buffer.alloc(4);
    error.writeUInt32LE(outcome.status, 0);
    caller.poke(argument + 16n, error);
    return outcome.status === FIRMWARE_STATUS.SUCCESS ? { result: 0 } : { errno: ERRNO.EIO };
  }

  #dispatch(
    id: number,
    data: bigint,
    caller: Caller,
    vcpus: readonly Vcpu[],
  ): Promise<{ status: number } | { errno: number }> {
    switch (id) {
      case COMMAND.INIT2:
        return this.#init(data, caller);
      case COMMAND.SNP_LAUNCH_START:
        return this.#start(data, caller);
      case COMMAND.SNP_LAUNCH_UPDATE:
        return this.#update(data, caller);
      case COMMAND.SNP_LAUNCH_FINISH:
        return this.#finish(data, caller, vcpus);
      default:
        return Promise.resolve({ errno: ERRNO.EINVAL });
    }
  }

  async #init(data: bigint, caller: Caller): Promise<{ status: number } | { errno: number }> {
    const init = view(await caller.peek(data, 48));
    const requested = init.getBigUint64(0, true);
    if (this.#initialised || init.getUint32(8, true) !== 0) return { errno: ERRNO.EINVAL };
    if ((requested & ~this.#profile.featuresOnRequest) !== 0n) return { errno: ERRNO.EINVAL };
    this.#initialised = true;
    this.#features = this.#profile.featuresAlways | requested;
    return { status: FIRMWARE_STATUS.SUCCESS };
  }

  async #start(data: bigint, caller: Caller): Promise<{ status: number } | { errno: number }> {
    const start = view(await caller.peek(data, 64));
    const policy = start.getBigUint64(0, true);
    if (!this.#initialised || start.getUint16(24, true) !== 0) return { errno: ERRNO.EINVAL };
    if (!kernelAcceptsPolicy(this.#profile, policy)) return { errno: ERRNO.EINVAL };
    return { status: launchStart(this.guest, this.#platform, policy) };
  }

  async #update(data: bigint, caller: Caller): Promise<{ status: number } | { errno: number }> {
    const update = view(await caller.peek(data, 64));
    const gpa = update.getBigUint64(0, true) * BigInt(PAGE_BYTES);
    const address = update.getBigUint64(8, true);
    const bytes = Number(update.getBigUint64(16, true));
    const pageType = update.getUint8(24);
    const wellFormed =
      bytes > 0 && bytes % PAGE_BYTES === 0 && bytes <= MAX_REGION_BYTES && update.getUint16(26, true) === 0;
    if (!wellFormed || !USERSPACE_PAGE_TYPES.includes(pageType)) return { errno: ERRNO.EINVAL };
    const contents = await caller.peek(address, bytes);
    for (let at = 0; at < bytes; at += PAGE_BYTES) {
      const status = launchUpdate(this.guest, this.#platform, {
        pageType,
        gpa: gpa + BigInt(at),
        contents: contents.subarray(at, at + PAGE_BYTES),
      });
      if (status !== FIRMWARE_STATUS.SUCCESS) return { status };
      // Hashing 4 MiB takes a while; QMP, heartbeats and other vCPUs must not wait for all of it.
      if ((at / PAGE_BYTES) % PENDING_BEFORE_YIELD === 0) await new Promise(setImmediate);
    }
    const done = Buffer.alloc(24);
    done.writeBigUInt64LE((gpa + BigInt(bytes)) / BigInt(PAGE_BYTES), 0);
    done.writeBigUInt64LE(address + BigInt(bytes), 8);
    caller.poke(data, done);
    return { status: FIRMWARE_STATUS.SUCCESS };
  }

  async #finish(data: bigint, caller: Caller, vcpus: readonly Vcpu[]): Promise<{ status: number } | { errno: number }> {
    const finish = await caller.peek(data, 88);
    const fields = view(finish);
    const idBlockEnabled = fields.getUint8(16) !== 0;
    if (fields.getUint16(54, true) !== 0) return { errno: ERRNO.EINVAL };
    // KVM measures the vCPUs first, in the order in which they were created.
    for (const vcpu of vcpus) {
      const contents = launchVmsa(vcpu, { features: this.#features, fpuStateMeasured: this.#profile.fpuStateMeasured });
      const status = launchUpdate(this.guest, this.#platform, { pageType: PAGE_TYPE.VMSA, gpa: VMSA_GPA, contents });
      if (status !== FIRMWARE_STATUS.SUCCESS) return { status };
    }
    const status = launchFinish(this.guest, {
      idBlock: idBlockEnabled ? await caller.peek(fields.getBigUint64(0, true), 96) : null,
      idAuth: idBlockEnabled ? await caller.peek(fields.getBigUint64(8, true), 4096) : null,
      authorKeyEnabled: idBlockEnabled && fields.getUint8(17) !== 0,
      vcekDisabled: fields.getUint8(18) !== 0,
      hostData: finish.subarray(19, 51),
    });
    return { status };
  }
}
