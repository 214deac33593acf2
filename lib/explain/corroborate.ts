import type { HostProvenance } from '../evidence/schema.ts';
import { VMM_PROFILES } from '../measure/vmm-profiles.ts';
import type { Change } from './change.ts';
import type { Explanation } from './explanation.ts';
import {
  INIT2_SINCE,
  kernelNumber,
  kernelWords,
  measuresFpu,
  qemuNumber,
  qemuWords,
  UPSTREAM_QEMU_SINCE,
} from './host-generation.ts';

const DEBUG_SWAP = 1n << 5n;

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

/** Is a profile one that such a kernel and such a QEMU launch by? */
function generationSeen({ from, to }: Change, host: HostProvenance, build: string): string | null {
  const [before, after] = [from, to].map((name) => VMM_PROFILES.find((profile) => profile.name === name));
  if (before === undefined || after?.vmm !== 'qemu') return null;
  const words: string[] = [];
  // Whatever is launched on a host is launched by its QEMU, so all of another VMM's profile is to be borne out.
  if (before.vmm !== 'qemu' || (before.fpu.mxcsr !== 0) !== (after.fpu.mxcsr !== 0)) {
    if (measuresFpu(host) !== (after.fpu.mxcsr !== 0)) return null;
    words.push(kernelWords(host));
  }
  if (before.hashesPage !== after.hashesPage) {
    if (!hashesInSection(host, build) || after.hashesPage !== 'in-its-section') return null;
    words.push(qemuWords(host, build));
  }
  return words.length === 0 ? null : words.join('; ');
}

/** A QEMU that is not AMD's own has one place for the kernel hashes. */
function hashesInSection(host: HostProvenance, build: string): boolean {
  return (qemuNumber(host, build) ?? 0) >= UPSTREAM_QEMU_SINCE;
}

function orderSeen({ to }: Change, host: HostProvenance, build: string): string | null {
  return to === 'hashes-in-section' && hashesInSection(host, build) ? qemuWords(host, build) : null;
}

/** What of the host shows a change to be there, in words; null: nothing does. */
function seenOfHost(change: Change, host: HostProvenance, build: string): string | null {
  if (change.input === 'guestFeatures') return debugSwapSeen(change, host);
  if (change.input === 'pageOrder') return orderSeen(change, host, build);
  return change.input === 'vmmProfile' ? generationSeen(change, host, build) : null;
}

/** A match becomes a proof where each of its changes was seen on the host. @param build of QEMU that the cell asked for */
export function corroborated(explanation: Explanation, host: HostProvenance, build: string): Explanation {
  if (explanation.kind !== 'match') return explanation;
  const seen = explanation.changes.map((change) => seenOfHost(change, host, build));
  const words = seen.filter((one) => one !== null);
  if (words.length === 0) return explanation;
  const advice = `${explanation.advice}\nSeen on the host: ${[...new Set(words)].join('; ')}.`;
  const kind = words.length === seen.length ? 'proof' : 'match';
  return { ...explanation, kind, advice };
}
