import { SEV_FEATURES } from '../abi/vmsa.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import { DEFAULT_VMM_PROFILE, VMM_PROFILE_WITHOUT_FPU_STATE, vmmProfileOf } from '../measure/vmm-profiles.ts';
import {
  DEBUG_SWAP_SINCE,
  HASHES_IN_SECTION_SINCE,
  INIT2_SINCE,
  kernelNumber,
  kernelWords,
  measuresFpu,
  qemuNumber,
  qemuWords,
  UPSTREAM_QEMU_SINCE,
} from './host-generation.ts';
import type { KnownLaunch } from './launch-state.ts';
import type { SeenDifference } from './proof.ts';

/** An input in which a launch was predicted otherwise than kernel, module or QEMU of its host launch. */
export interface HostDifference extends SeenDifference {
  /** Does the host leave no other value? Then it is proof, else a hint. */
  readonly determined: boolean;
  /** What of the host says so, in words. */
  readonly seen: string;
}

const DEBUG_SWAP = 1n << BigInt(SEV_FEATURES.DebugSwap);
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Kernels of these versions turn DebugSwap on as their module says; where that is not known, most do. */
function ofFeatures({ launch }: KnownLaunch, host: HostProvenance): HostDifference[] {
  const version = kernelNumber(host);
  if (launch.profile.vmm !== 'qemu' || version === null) return [];
  const parameter = host.facts?.platform.kvmAmd.debugSwap ?? null;
  const followsModule = version >= DEBUG_SWAP_SINCE && version < INIT2_SINCE;
  const on = followsModule && (parameter ?? true);
  const from = launch.guestFeatures;
  const to = on ? from | DEBUG_SWAP : from & ~DEBUG_SWAP;
  if (to === from) return [];
  const words = parameter === null ? '' : `, and kvm_amd.debug_swap is ${parameter ? 'Y' : 'N'}`;
  return [
    {
      change: { input: 'guestFeatures', from: hex(from), to: hex(to) },
      cause: 'debug-swap',
      set: { features: to },
      determined: followsModule && parameter !== null,
      seen: `${kernelWords(host)}${words}`,
    },
  ];
}

/** FPU state by the host kernel, place of the kernel hashes by QEMU: both are said by the VMM profile. */
function ofProfile({ launch }: KnownLaunch, host: HostProvenance, build: string): HostDifference[] {
  const { profile } = launch;
  if (profile.vmm !== 'qemu' || profile.boots !== 'firmware') return [];
  const change = (to: string) => ({ input: 'vmmProfile', from: profile.name, to }) as const;
  const qemu = qemuNumber(host, build);
  const fpu = measuresFpu(host);
  const fpuPredicted = profile.fpu.mxcsr !== 0;
  const of = (measured: boolean): string => (measured ? DEFAULT_VMM_PROFILE : VMM_PROFILE_WITHOUT_FPU_STATE);
  const profileTo = (to: string) => ({ change: change(to), set: { profile: vmmProfileOf(to) } });
  if (profile.hashesPage === 'after-firmware' && launch.kernelHashes !== null) {
    if (qemu === null || qemu < HASHES_IN_SECTION_SINCE) return [];
    const determined = qemu >= UPSTREAM_QEMU_SINCE && fpu !== null;
    const seen = [qemuWords(host, build), ...(fpu === null ? [] : [kernelWords(host)])].join('; ');
    return [{ ...profileTo(of(fpu ?? fpuPredicted)), cause: 'hashes-after-firmware', determined, seen }];
  }
  const older = qemu !== null && qemu < HASHES_IN_SECTION_SINCE && launch.kernelHashes !== null;
  if (older) {
    const row = { ...profileTo('qemu-hashes-first'), cause: 'hashes-after-firmware' } as const;
    return [{ ...row, determined: false, seen: qemuWords(host, build) }];
  }
  if (fpu === null || fpu === fpuPredicted) return [];
  return [{ ...profileTo(of(fpu)), cause: 'fpu-state', determined: true, seen: kernelWords(host) }];
}

/**
 * In what a launch was predicted otherwise than its host launches, by the versions of its kernel and QEMU and by the
 * parameters of kvm_amd. @param build of QEMU that the cell asked for
 */
export function hostDifferences(known: KnownLaunch, host: HostProvenance, build: string): HostDifference[] {
  return [...ofFeatures(known, host), ...ofProfile(known, host, build)];
}
