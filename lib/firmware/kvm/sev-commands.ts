import { FIRMWARE_STATUS } from '../../abi/firmware-status.ts';
import { PAGE_BYTES, PAGE_TYPE, VMSA_GPA } from '../../abi/page-info.ts';
import type { FaultTable, KvmCommand } from '../faults.ts';
import { createGuest, decommission, type GuestContext } from '../guest-context.ts';
import { type LaunchFinish, launchFinish } from '../launch-finish.ts';
import { activate, launchStart } from '../launch-start.ts';
import { launchUpdate } from '../launch-update.ts';
import { announcedMask, type Platform } from '../platform.ts';
import { type HostProfile, kernelAcceptsPolicy } from '../profiles.ts';
import { type Answer, type Caller, ERRNO } from '../relay.ts';
import { type LaunchUpdate, parseLaunchUpdate } from './launch-update.ts';
import type { Vcpu } from './vcpu.ts';
import { launchVmsa } from './vmsa.ts';

/** What an emulated host is to the launches on it. */
export interface EmulatedKernel {
  profile: HostProfile;
  platform: Platform;
  faults: FaultTable;
}

/** What a command came to: a status of the firmware, or KVM's own refusal, before the firmware was asked or after it. */
type Outcome = { status: number } | { errno: number; status?: number | undefined };

/** KVM_MEMORY_ENCRYPT_OP commands. Source: Linux arch/x86/include/uapi/asm/kvm.h, enum sev_cmd_id. */
const COMMANDS: ReadonlyMap<number, KvmCommand> = new Map([
  [22, 'KVM_SEV_INIT2'],
  [100, 'KVM_SEV_SNP_LAUNCH_START'],
  [101, 'KVM_SEV_SNP_LAUNCH_UPDATE'],
  [102, 'KVM_SEV_SNP_LAUNCH_FINISH'],
]);

const SEV_CMD_BYTES = 24;
const ID_BLOCK_BYTES = 96;
const ID_AUTH_BYTES = 4096;
/** Each VM has its own emulated firmware, and so the first ASID of the SNP share. */
const ASID = 1;
const PENDING_BEFORE_YIELD = 128;
const SUCCESS: Outcome = { status: FIRMWARE_STATUS.SUCCESS };
const INVALID: Outcome = { errno: ERRNO.EINVAL };

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The SEV side of one emulated VM: what KVM does with the launch commands before, at and after the firmware. */
export class SevVm {
  readonly #profile: HostProfile;
  readonly #platform: Platform;
  readonly #faults: FaultTable;
  #guest: GuestContext | null = null;
  #features = 0n;
  #initialised = false;
  /** Guest frames that are the guest's already. */
  readonly #private = new Set<bigint>();

  constructor({ profile, platform, faults }: EmulatedKernel) {
    this.#profile = profile;
    this.#platform = platform;
    this.#faults = faults;
  }

  /** The guest's context; null before SNP_LAUNCH_START, and after one that failed. */
  get guest(): GuestContext | null {
    return this.#guest;
  }

  /** KVM_MEMORY_ENCRYPT_OP. @param argument address of struct kvm_sev_cmd; 0 only asks whether SEV is there */
  async command(argument: bigint, caller: Caller, vcpus: readonly Vcpu[]): Promise<Answer> {
    if (argument === 0n) return { result: 0 };
    const issued = view(await caller.peek(argument, SEV_CMD_BYTES));
    const command = COMMANDS.get(issued.getUint32(0, true));
    if (command === undefined) return { errno: ERRNO.EINVAL };
    const outcome =
      this.#faults.refusal(command) ?? (await this.#dispatch(command, issued.getBigUint64(8, true), caller, vcpus));
    if (outcome.status !== undefined) {
      const error = Buffer.alloc(4);
      error.writeUInt32LE(outcome.status >>> 0, 0);
      caller.poke(argument + 16n, error);
    }
    if ('errno' in outcome) return { errno: outcome.errno };
    return outcome.status === FIRMWARE_STATUS.SUCCESS ? { result: 0 } : { errno: ERRNO.EIO };
  }

  #dispatch(command: KvmCommand, data: bigint, caller: Caller, vcpus: readonly Vcpu[]): Promise<Outcome> {
    switch (command) {
      case 'KVM_SEV_INIT2':
        return this.#init(data, caller);
      case 'KVM_SEV_SNP_LAUNCH_START':
        return this.#start(data, caller);
      case 'KVM_SEV_SNP_LAUNCH_UPDATE':
        return this.#update(data, caller);
      case 'KVM_SEV_SNP_LAUNCH_FINISH':
        return this.#finish(data, caller, vcpus);
      default:
        return Promise.resolve(INVALID);
    }
  }

  async #init(data: bigint, caller: Caller): Promise<Outcome> {
    const init = view(await caller.peek(data, 48));
    const requested = init.getBigUint64(0, true);
    if (this.#initialised || init.getUint32(8, true) !== 0) return INVALID;
    if ((requested & ~this.#profile.featuresOnRequest) !== 0n) return INVALID;
    this.#initialised = true;
    this.#features = this.#profile.featuresAlways | requested;
    return SUCCESS;
  }

  /** Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_start: a context that was not started and bound is given up. */
  async #start(data: bigint, caller: Caller): Promise<Outcome> {
    const start = view(await caller.peek(data, 64));
    const policy = start.getBigUint64(0, true);
    if (!this.#initialised || this.#guest !== null || start.getUint16(24, true) !== 0) return INVALID;
    if (!kernelAcceptsPolicy(this.#profile, policy, announcedMask(this.#platform))) return INVALID;
    const guest = createGuest();
    const started = launchStart(guest, this.#platform, policy, this.#faults.answer('SNP_LAUNCH_START'));
    const status =
      started === FIRMWARE_STATUS.SUCCESS
        ? activate(guest, this.#platform, ASID, this.#faults.answer('SNP_ACTIVATE'))
        : started;
    if (status === FIRMWARE_STATUS.SUCCESS) this.#guest = guest;
    else decommission(guest);
    return { status };
  }

  /** Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_update and sev_gmem_post_populate; virt/kvm/guest_memfd.c. */
  async #update(data: bigint, caller: Caller): Promise<Outcome> {
    const update = parseLaunchUpdate(await caller.peek(data, 64));
    if (this.#guest === null || update === undefined) return INVALID;
    const contents = update.source === null ? null : await caller.peek(update.source, update.bytes);
    let done = 0;
    let outcome = SUCCESS;
    while (done < update.bytes) {
      outcome = this.#page(this.#guest, update, done, contents, caller);
      if (outcome !== SUCCESS) break;
      // Hashing 4 MiB takes a while; QMP, heartbeats and other vCPUs must not wait for all of it.
      if ((done / PAGE_BYTES) % PENDING_BEFORE_YIELD === 0) await new Promise(setImmediate);
      done += PAGE_BYTES;
    }
    // What was done in part counts as done; the caller comes again for the rest, and meets the trouble at once.
    if (done === 0) return outcome;
    caller.poke(data, update.progress(done));
    return SUCCESS;
  }

  #page(guest: GuestContext, update: LaunchUpdate, at: number, all: Uint8Array | null, caller: Caller): Outcome {
    const gpa = update.gpa + BigInt(at);
    // EEXIST inside, which the ioctl tells as EIO without a status.
    if (this.#private.has(gpa)) return { errno: ERRNO.EIO };
    // Copied: the firmware may write into the page.
    const contents = all === null ? new Uint8Array(PAGE_BYTES) : new Uint8Array(all.subarray(at, at + PAGE_BYTES));
    const page = { pageType: update.pageType, gpa, contents };
    const status = launchUpdate(guest, this.#platform, page, this.#faults.answer('SNP_LAUNCH_UPDATE'));
    if (status === FIRMWARE_STATUS.SUCCESS) {
      this.#private.add(gpa);
      return SUCCESS;
    }
    const corrected = page.pageType === PAGE_TYPE.CPUID && status === FIRMWARE_STATUS.INVALID_PARAM;
    if (corrected && update.source !== null) caller.poke(update.source + BigInt(at), page.contents);
    return { status };
  }

  /** Source: Linux arch/x86/kvm/svm/sev.c, snp_launch_finish: the vCPUs first, in the order in which they were created. */
  async #finish(data: bigint, caller: Caller, vcpus: readonly Vcpu[]): Promise<Outcome> {
    const finish = await caller.peek(data, 88);
    const fields = view(finish);
    if (this.#guest === null || fields.getUint16(54, true) !== 0) return INVALID;
    for (const vcpu of vcpus) {
      const contents = launchVmsa(vcpu, { features: this.#features, fpuStateMeasured: this.#profile.fpuStateMeasured });
      const page = { pageType: PAGE_TYPE.VMSA, gpa: VMSA_GPA, contents };
      const status = launchUpdate(this.#guest, this.#platform, page, this.#faults.answer('SNP_LAUNCH_UPDATE'));
      if (status !== FIRMWARE_STATUS.SUCCESS) return { status };
    }
    const request: LaunchFinish = {
      idBlock: null,
      idAuth: null,
      authorKeyEnabled: false,
      vcekDisabled: fields.getUint8(18) !== 0,
      hostData: finish.subarray(19, 51),
    };
    if (fields.getUint8(16) !== 0) {
      const [block, auth] = [fields.getBigUint64(0, true), fields.getBigUint64(8, true)];
      // psp_copy_user_blob takes no NULL, so an ID block without ID auth ends here.
      if (block === 0n || auth === 0n) return INVALID;
      request.idBlock = await caller.peek(block, ID_BLOCK_BYTES);
      request.idAuth = await caller.peek(auth, ID_AUTH_BYTES);
      request.authorKeyEnabled = fields.getUint8(17) !== 0;
    }
    return { status: launchFinish(this.#guest, request, this.#faults.answer('SNP_LAUNCH_FINISH')) };
  }
}
