import type { HostProvenance } from '../evidence/schema.ts';
import { quoted } from '../text.ts';
import type { Change } from './change.ts';
import type { Explanation } from './explanation.ts';

const DEBUG_SWAP = 1n << 5n;
/** Since when KVM_SEV_INIT2 decides about features and puts the FPU state into the VMSA. Source: Linux 6.10. */
const INIT2_SINCE = 610;
/** AMD's own kernels had the latter earlier. Source: docs/mismatch-causes.md, fpu-state. */
const FPU_UNSURE_SINCE = 609;

/** Version of the host kernel as one number, 608 for 6.8; null where it does not say. An emulated host is what it passes for. */
function kernelNumber({ kind, profile, kernel }: HostProvenance): number | null {
  const text = kind === 'emulated' ? (profile ?? '') : kernel;
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? null : Number(major) * 100 + Number(minor);
}

function kernelWords(host: HostProvenance): string {
  return host.kind === 'emulated'
    ? `the host passes for ${quoted(host.profile ?? '')}`
    : `its kernel is ${quoted(host.kernel)}`;
}

/** DebugSwap on or off as the kernel and its kvm_amd module have it. */
function debugSwapSeen({ from, to }: Change, host: HostProvenance): string | null {
  if ((BigInt(from ?? 0) ^ BigInt(to ?? 0)) !== DEBUG_SWAP) return null;
  const version = kernelNumber(host);
  const parameter = host.facts?.platform.kvmAmd.debugSwap ?? null;
  const wanted = (BigInt(to ?? 0) & DEBUG_SWAP) !== 0n;
  if (version === null) return null;
  if (version >= INIT2_SINCE) return wanted ? null : `${kernelWords(host)}, which turns no feature on by itself`;
  if (parameter !== wanted) return null;
  return `${kernelWords(host)}, and kvm_amd.debug_swap is ${parameter ? 'Y' : 'N'}`;
}

function generationSeen({ to }: Change, host: HostProvenance): string | null {
  const version = kernelNumber(host);
  if (version === null) return null;
  const measuresFpu = version >= INIT2_SINCE ? true : version < FPU_UNSURE_SINCE ? false : null;
  const expected = measuresFpu === null ? null : measuresFpu ? 'qemu-init2' : 'qemu-pre-init2';
  return to === expected ? kernelWords(host) : null;
}

/** What of the host shows a change to be there, in words; null: nothing does. */
function seenOfHost(change: Change, host: HostProvenance): string | null {
  if (change.input === 'guestFeatures') return debugSwapSeen(change, host);
  return change.input === 'vmmProfile' ? generationSeen(change, host) : null;
}

/** A match becomes a proof where each of its changes was seen on the host. */
export function corroborated(explanation: Explanation, host: HostProvenance): Explanation {
  if (explanation.kind !== 'match') return explanation;
  const seen = explanation.changes.map((change) => seenOfHost(change, host));
  const words = seen.filter((one) => one !== null);
  if (words.length === 0) return explanation;
  const advice = `${explanation.advice}\nSeen on the host: ${[...new Set(words)].join('; ')}.`;
  const kind = words.length === seen.length ? 'proof' : 'match';
  return { ...explanation, kind, advice };
}
