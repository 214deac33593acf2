import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { cmdlineHashOf, NO_INITRD } from '../measure/kernel-hashes.ts';
import type { CauseId } from './causes.ts';
import type { Change } from './change.ts';
import { cmdlineVariants } from './cmdline.ts';
import { countCause } from './explanation.ts';
import { baseState, type KnownLaunch, type LaunchState } from './launch-state.ts';
import { modelOfSignature, signatureText } from './signatures.ts';

/** A file as the host has it. */
export interface SeenFile {
  readonly path: string;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
}

/** What was seen of a launch on its host: read off the live process, not concluded. Null: not seen. */
export interface SeenLaunch {
  readonly vcpus: number | null;
  /** The value of -cpu and its signature, where that follows from it. */
  readonly cpu: { readonly value: string; readonly signature: number | null } | null;
  readonly kernelHashes: boolean | null;
  /** The word after -append; null: there is none. */
  readonly append: string | null;
  readonly firmware: SeenFile | null;
  /** Of that firmware, where it is another than was sent and could be read. */
  readonly firmwareDescriptor: FirmwareDescriptor | null;
  readonly kernel: SeenFile | null;
  readonly initrd: SeenFile | null;
}

/** A difference that was seen: what is told of it, and what it makes of the launch. */
export interface SeenDifference {
  readonly change: Change;
  readonly cause: CauseId;
  /** null: another file, of which no more is known than that. */
  readonly set: Partial<LaunchState> | null;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;
/** A file by its path and the start of its hash: the path may be the same and the file another. */
const fileText = ({ path, sha256 }: SeenFile): string => `${path} (sha256 ${hexOf(sha256).slice(0, 16)}...)`;

function ofVcpus(known: KnownLaunch, { vcpus }: SeenLaunch): SeenDifference[] {
  const from = known.launch.vcpus;
  if (vcpus === null || vcpus === from) return [];
  const change = { input: 'vcpus', from: String(from), to: String(vcpus) } as const;
  return [{ change, cause: countCause(known, vcpus), set: { vcpus } }];
}

function ofCpu(known: KnownLaunch, { cpu }: SeenLaunch): SeenDifference[] {
  const from = known.launch.vcpuSignature;
  if (cpu === null || cpu.signature === null || cpu.signature === from) return [];
  const fromName = known.vcpuType ?? (from === null ? null : (modelOfSignature(from) ?? signatureText(from)));
  const change = { input: 'vcpuType', from: fromName, to: cpu.value } as const;
  const cause = modelOfSignature(cpu.signature) === undefined ? 'vcpu-signature' : 'vcpu-type';
  return [{ change, cause, set: { signature: cpu.signature } }];
}

function ofFirmware(known: KnownLaunch, { firmware, firmwareDescriptor }: SeenLaunch): SeenDifference[] {
  const { sha256 } = known.launch.firmware;
  if (firmware === null || sha256 === null || hexOf(firmware.sha256) === sha256) return [];
  const change = { input: 'firmware', from: known.firmwareName, to: fileText(firmware) } as const;
  return [{ change, cause: 'other-firmware', set: firmwareDescriptor && { firmware: firmwareDescriptor } }];
}

function ofFile(input: 'kernel' | 'initrd', known: KnownLaunch, seen: SeenLaunch): SeenDifference[] {
  const [sent, file] = [known[input], seen[input]];
  if (sent === null && file === null) return [];
  if (sent !== null && file !== null && same(sent.sha256, file.sha256)) return [];
  const change = { input, from: sent?.name ?? null, to: file === null ? null : fileText(file) } as const;
  if (input === 'initrd') {
    const absent = file === null || same(file.sha256, NO_INITRD);
    const cause = absent ? 'initrd-absent' : sent === null ? 'initrd-not-predicted' : 'other-initrd';
    return [{ change, cause, set: { initrdHash: file?.sha256 ?? NO_INITRD } }];
  }
  if (file === null) return [];
  return [{ change, cause: sent === null ? 'kernel-not-predicted' : 'other-kernel', set: { kernelHash: file.sha256 } }];
}

function ofHashes(base: LaunchState, { kernelHashes, kernel }: SeenLaunch): SeenDifference[] {
  const measured = kernelHashes === true && kernel !== null;
  if (kernelHashes === null || measured === base.hashesMeasured) return [];
  const word = (on: boolean): string => (on ? 'on' : 'off');
  const change = { input: 'kernelHashes', from: word(base.hashesMeasured), to: word(measured) } as const;
  return [{ change, cause: measured ? 'kernel-hashes-on' : 'kernel-hashes-off', set: { hashesMeasured: measured } }];
}

function ofCmdline({ append }: KnownLaunch, seen: SeenLaunch): SeenDifference[] {
  if (append === undefined || (append ?? '') === (seen.append ?? '')) return [];
  const change = { input: 'cmdline', from: append, to: seen.append } as const;
  const known = cmdlineVariants(append ?? '').find(({ text }) => text === seen.append);
  const cause = seen.append === null ? 'cmdline-absent' : (known?.cause ?? 'cmdline-tokens');
  return [{ change, cause, set: { cmdlineHash: cmdlineHashOf(seen.append) } }];
}

/** In what the launch that was seen differs from the one that was predicted, input by input. */
export function seenDifferences(known: KnownLaunch, seen: SeenLaunch): SeenDifference[] {
  const base = baseState(known);
  const hashes = ofHashes(base, seen);
  const bootMatters = base.hashesMeasured || hashes.length > 0;
  const boot = bootMatters
    ? [...ofFile('kernel', known, seen), ...ofFile('initrd', known, seen), ...ofCmdline(known, seen)]
    : [];
  return [...ofVcpus(known, seen), ...ofCpu(known, seen), ...hashes, ...boot, ...ofFirmware(known, seen)];
}

/** The launch as it was seen, as far as all of it is known: what is left to search for departs from here. */
export function knownAsSeen(known: KnownLaunch, differences: readonly SeenDifference[]): KnownLaunch {
  const state = { ...baseState(known) };
  for (const { set } of differences) Object.assign(state, set);
  const { firmware, vcpus, signature, features, hashesMeasured, kernelHash, initrdHash, cmdlineHash } = state;
  const cmdline = differences.find(({ change }) => change.input === 'cmdline');
  const hashes = { kernel: kernelHash, initrd: initrdHash, cmdline: cmdlineHash };
  return {
    ...known,
    launch: {
      ...known.launch,
      firmware,
      vcpus,
      vcpuSignature: signature,
      guestFeatures: features,
      profile: state.profile,
      kernelHashes: hashesMeasured ? hashes : null,
    },
    append: cmdline === undefined ? known.append : cmdline.change.to,
  };
}
