import type { GuestContext } from '../guest-context.ts';
import { type Answer, type Caller, type Devices, ERRNO, type Ioctl } from '../relay.ts';
import { CAPABILITIES, MSR_FEATURE_INDICES, MSR_INDICES, VM_TYPE } from './capabilities.ts';
import { CPUID_ENTRY_BYTES, CPUID_HEADER_BYTES, serialiseCpuid, supportedCpuid } from './cpuid.ts';
import { ioctlName, KVM, SEV_ISSUE_CMD } from './ioctls.ts';
import { RUN_ALONG, RUN_AREA_BYTES, VcpuExits } from './run.ts';
import { type EmulatedKernel, SevVm } from './sev-commands.ts';
import { issueSevCommand } from './sev-device.ts';
import { Vcpu } from './vcpu.ts';

type Target =
  | { kind: 'kvm' | 'sev' | 'memory' | 'device' }
  | { kind: 'vm'; vm: EmulatedVm }
  | { kind: 'vcpu'; vm: EmulatedVm; vcpu: Vcpu; exits: VcpuExits };

interface EmulatedVm {
  type: number;
  sev: SevVm;
  vcpus: Vcpu[];
}

/** Plays the guest once the firmware lets it run. */
export type GuestPlayer = (exits: VcpuExits, guest: GuestContext) => void;

const API_VERSION = 12;
const TSC_KHZ = 2_450_000;
/** KVM_X86_GRP_SEV, KVM_X86_SEV_VMSA_FEATURES. Source: Linux arch/x86/include/uapi/asm/kvm.h. */
const SEV_VMSA_FEATURES = { group: 1, attribute: 0n };
const XCOMP_GUEST_SUPP = { group: 0, attribute: 0n };
const SUPPORTED_XCR0 = 0x2e7n;

const ok = (result = 0): Answer => ({ result });
const refuse = (errno: number): Answer => ({ errno });

/** Requests to a VM whose effect no launch digest, exit or report depends on; the shim answers them. */
const VM_NO_EFFECT: readonly number[] = [
  KVM.SET_TSS_ADDR, KVM.SET_IDENTITY_MAP_ADDR, KVM.SET_USER_MEMORY_REGION, KVM.SET_USER_MEMORY_REGION2,
  KVM.CREATE_IRQCHIP, KVM.IRQ_LINE, KVM.IRQ_LINE_STATUS, KVM.GET_IRQCHIP, KVM.SET_IRQCHIP, KVM.SET_GSI_ROUTING,
  KVM.REINJECT_CONTROL, KVM.IRQFD, KVM.CREATE_PIT2, KVM.GET_PIT2, KVM.SET_PIT2, KVM.IOEVENTFD, KVM.SET_CLOCK,
  KVM.GET_CLOCK, KVM.ENABLE_CAP, KVM.SIGNAL_MSI, KVM.MEMORY_ENCRYPT_REG_REGION, KVM.MEMORY_ENCRYPT_UNREG_REGION,
  KVM.SET_MEMORY_ATTRIBUTES,
]; // biome-ignore format: a list

/** The same of a vCPU. */
const VCPU_NO_EFFECT: readonly number[] = [
  KVM.SET_TSC_KHZ, KVM.TPR_ACCESS_REPORTING, KVM.SET_VAPIC_ADDR, KVM.X86_SETUP_MCE, KVM.KVMCLOCK_CTRL, KVM.ENABLE_CAP,
]; // biome-ignore format: a list

/** What KVM_CHECK_EXTENSION is asked of. */
const HAS_EXTENSIONS: readonly Target['kind'][] = ['kvm', 'vm'];

/** /dev/kvm and /dev/sev of one emulated host, for one QEMU process. */
export class EmulatedDevices implements Devices {
  readonly #kernel: EmulatedKernel;
  readonly #play: GuestPlayer;
  readonly #targets = new Map<number, Target>();
  #nextHandle = 1;
  /** Requests that were refused because nothing here answers them; for the log of a launch that went wrong. */
  readonly unanswered = new Set<string>();

  constructor(kernel: EmulatedKernel, play: GuestPlayer) {
    this.#kernel = kernel;
    this.#play = play;
  }

  #create(target: Target, caller: Caller, bytes: number): Answer {
    const handle = this.#nextHandle++;
    this.#targets.set(handle, target);
    caller.create(handle, {
      bytes,
      quiet: target.kind === 'vm' ? VM_NO_EFFECT : target.kind === 'vcpu' ? VCPU_NO_EFFECT : [],
      along: target.kind === 'vcpu' ? RUN_ALONG : { offset: 0, bytes: 0 },
      ...(HAS_EXTENSIONS.includes(target.kind) && {
        answers: { request: KVM.CHECK_EXTENSION, results: CAPABILITIES },
      }),
    });
    return ok();
  }

  open(path: string, caller: Caller): Answer {
    if (path === '/dev/kvm') return this.#create({ kind: 'kvm' }, caller, 0);
    if (path === '/dev/sev') return this.#create({ kind: 'sev' }, caller, 0);
    return refuse(ERRNO.ENOENT);
  }

  async ioctl(call: Ioctl, caller: Caller): Promise<Answer> {
    const target = this.#targets.get(call.handle);
    const answer = target === undefined ? undefined : await this.#dispatch(target, call, caller);
    if (answer !== undefined) return answer;
    this.unanswered.add(`${ioctlName(call.request)} on ${target?.kind ?? `handle ${call.handle}`}`);
    return refuse(ERRNO.ENOTTY);
  }

  #dispatch(target: Target, call: Ioctl, caller: Caller): Promise<Answer | undefined> | Answer | undefined {
    switch (target.kind) {
      case 'kvm':
        return this.#system(call, caller);
      case 'vm':
        return this.#vm(target.vm, call, caller);
      case 'vcpu':
        return this.#vcpu(target, call, caller);
      case 'sev':
        return call.request === SEV_ISSUE_CMD ? issueSevCommand(call, caller, this.#kernel) : undefined;
      default:
        return ok();
    }
  }

  #system(call: Ioctl, caller: Caller): Promise<Answer | undefined> | Answer | undefined {
    switch (call.request) {
      case KVM.GET_API_VERSION:
        return ok(API_VERSION);
      case KVM.CHECK_EXTENSION:
        return ok(CAPABILITIES.get(Number(call.argument)) ?? 0);
      case KVM.GET_VCPU_MMAP_SIZE:
        return ok(RUN_AREA_BYTES);
      case KVM.GET_SUPPORTED_CPUID:
        return this.#supportedCpuid(call, caller);
      case KVM.GET_MSR_INDEX_LIST:
        return this.#indexList(MSR_INDICES, call, caller);
      case KVM.GET_MSR_FEATURE_INDEX_LIST:
        return this.#indexList(MSR_FEATURE_INDICES, call, caller);
      case KVM.GET_MSRS:
        return this.#getMsrs(new Map(), call, caller);
      case KVM.X86_GET_MCE_CAP_SUPPORTED:
        caller.poke(call.argument, u64(0x100_0100n | 32n));
        return ok();
      case KVM.HAS_DEVICE_ATTR:
      case KVM.GET_DEVICE_ATTR:
        return this.#deviceAttribute(call, caller);
      case KVM.CREATE_VM: {
        const type = Number(call.argument);
        if (type !== VM_TYPE.default && type !== VM_TYPE.snp) return refuse(ERRNO.EINVAL);
        // Not the VM of the default type in which QEMU is asked about the host.
        const refusal = type === VM_TYPE.snp ? this.#kernel.faults.refusal('KVM_CREATE_VM') : undefined;
        if (refusal !== undefined) return refuse(refusal.errno);
        return this.#create({ kind: 'vm', vm: { type, sev: new SevVm(this.#kernel), vcpus: [] } }, caller, 0);
      }
      default:
        return undefined;
    }
  }

  #deviceAttribute(call: Ioctl, caller: Caller): Answer {
    const attribute = new DataView(call.input.buffer, call.input.byteOffset, call.input.byteLength);
    const asked = { group: attribute.getUint32(4, true), attribute: attribute.getBigUint64(8, true) };
    const is = (known: typeof asked): boolean => known.group === asked.group && known.attribute === asked.attribute;
    const value = is(SEV_VMSA_FEATURES)
      ? this.#kernel.profile.featuresOnRequest
      : is(XCOMP_GUEST_SUPP)
        ? SUPPORTED_XCR0
        : undefined;
    if (value === undefined) return refuse(ERRNO.ENOTTY);
    if (call.request === KVM.GET_DEVICE_ATTR) caller.poke(attribute.getBigUint64(16, true), u64(value));
    return ok();
  }

  #supportedCpuid(call: Ioctl, caller: Caller): Answer {
    const room = Buffer.from(call.input).readUInt32LE(0);
    const supported = supportedCpuid(this.#kernel.platform);
    if (room < supported.length) return refuse(ERRNO.E2BIG);
    caller.poke(call.argument + BigInt(CPUID_HEADER_BYTES), serialiseCpuid(supported));
    caller.poke(call.argument, u32(supported.length));
    return ok();
  }

  #indexList(indices: readonly number[], call: Ioctl, caller: Caller): Answer {
    const room = Buffer.from(call.input).readUInt32LE(0);
    caller.poke(call.argument, u32(indices.length));
    if (room < indices.length) return refuse(ERRNO.E2BIG);
    caller.poke(call.argument + 4n, Buffer.concat(indices.map(u32)));
    return ok();
  }

  async #getMsrs(msrs: ReadonlyMap<number, bigint>, call: Ioctl, caller: Caller): Promise<Answer> {
    const count = Buffer.from(call.input).readUInt32LE(0);
    const entries = Buffer.from(await caller.peek(call.argument + 8n, count * 16));
    for (let row = 0; row < count; row++) {
      caller.poke(call.argument + 8n + BigInt(row * 16 + 8), u64(msrs.get(entries.readUInt32LE(row * 16)) ?? 0n));
    }
    return ok(count);
  }

  #vm(vm: EmulatedVm, call: Ioctl, caller: Caller): Promise<Answer> | Answer | undefined {
    switch (call.request) {
      case KVM.CHECK_EXTENSION:
        return ok(CAPABILITIES.get(Number(call.argument)) ?? 0);
      case KVM.CREATE_GUEST_MEMFD:
        return this.#create({ kind: 'memory' }, caller, Number(Buffer.from(call.input).readBigUInt64LE(0)));
      case KVM.CREATE_VCPU: {
        const vcpu = new Vcpu(Number(call.argument), this.#nextHandle);
        vm.vcpus.push(vcpu);
        return this.#create({ kind: 'vcpu', vm, vcpu, exits: new VcpuExits() }, caller, RUN_AREA_BYTES);
      }
      case KVM.MEMORY_ENCRYPT_OP:
        return this.#encrypt(vm, call, caller);
      default:
        return undefined;
    }
  }

  async #encrypt(vm: EmulatedVm, call: Ioctl, caller: Caller): Promise<Answer> {
    const before = vm.sev.guest?.state;
    const answer = await vm.sev.command(call.argument, caller, vm.vcpus);
    const { guest } = vm.sev;
    if (before !== 'running' && guest?.state === 'running') {
      const first = [...this.#targets.values()].find((target) => target.kind === 'vcpu' && target.vm === vm);
      if (first?.kind === 'vcpu') this.#play(first.exits, guest);
    }
    return answer;
  }

  #vcpu(target: Target & { kind: 'vcpu' }, call: Ioctl, caller: Caller): Promise<Answer> | Answer | undefined {
    const { vcpu } = target;
    const kept = Vcpu.setBlock(call.request);
    if (kept !== undefined) {
      vcpu.keep(kept, call.input);
      return ok();
    }
    const wanted = Vcpu.getBlock(call.request);
    if (wanted !== undefined) {
      caller.poke(call.argument, vcpu.block(wanted));
      return ok();
    }
    switch (call.request) {
      case KVM.RUN:
        return target.exits.run(vcpu.handle, call.input, caller);
      case KVM.GET_MSRS:
        return this.#getMsrs(vcpu.msrs, call, caller);
      case KVM.SET_MSRS:
        return setMsrs(vcpu, call, caller);
      case KVM.SET_CPUID2:
        return setCpuid(vcpu, call, caller);
      case KVM.GET_CPUID2:
        caller.poke(call.argument, u32(vcpu.cpuid.length / CPUID_ENTRY_BYTES));
        caller.poke(call.argument + BigInt(CPUID_HEADER_BYTES), vcpu.cpuid);
        return ok();
      case KVM.GET_TSC_KHZ:
        return ok(TSC_KHZ);
      default:
        return undefined;
    }
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

async function setMsrs(vcpu: Vcpu, call: Ioctl, caller: Caller): Promise<Answer> {
  const count = Buffer.from(call.input).readUInt32LE(0);
  const entries = Buffer.from(await caller.peek(call.argument + 8n, count * 16));
  for (let row = 0; row < count; row++) {
    vcpu.msrs.set(entries.readUInt32LE(row * 16), entries.readBigUInt64LE(row * 16 + 8));
  }
  return ok(count);
}

async function setCpuid(vcpu: Vcpu, call: Ioctl, caller: Caller): Promise<Answer> {
  const count = Buffer.from(call.input).readUInt32LE(0);
  vcpu.cpuid = Uint8Array.from(
    await caller.peek(call.argument + BigInt(CPUID_HEADER_BYTES), count * CPUID_ENTRY_BYTES),
  );
  return ok();
}
