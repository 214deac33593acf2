import { readCell } from '../evidence/cell-codec.ts';
import { readFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import type { Evidence } from '../evidence/schema.ts';
import type { FileAtHand, FirmwareAtHand, KnownLaunch } from '../explain/launch-state.ts';
import { evidenceInputs } from './predict-cell.ts';

/** Artifacts that a host may have used in place of those of a cell: all of a matrix, or of a recording. */
export interface ArtifactsAtHand {
  readonly firmwares: readonly FirmwareAtHand[];
  readonly kernels: readonly FileAtHand[];
  readonly initrds: readonly FileAtHand[];
}

const bytes = (sha256: string): Uint8Array => new Uint8Array(Buffer.from(sha256, 'hex'));

/** What was predicted of a cell, from its evidence. @throws HarnessError DESCRIPTOR_INVALID, and of lib/measure */
export function knownFromEvidence(evidence: Evidence, atHand: ArtifactsAtHand): KnownLaunch {
  const { artifacts } = evidence;
  const { append, vcpuType } = readCell(evidence.cell);
  const named = (artifact: { name: string; sha256: string } | null) =>
    artifact && { name: artifact.name, sha256: bytes(artifact.sha256) };
  return {
    launch: evidenceInputs(evidence),
    firmwareName: artifacts.firmware.name,
    vcpuType,
    kernel: named(artifacts.kernel),
    initrd: named(artifacts.initrd),
    append,
    maxVcpus: null,
    pagesDigestGiven: false,
    firmwaresAtHand: atHand.firmwares,
    kernelsAtHand: atHand.kernels,
    initrdsAtHand: atHand.initrds,
  };
}

/** The artifacts that all these cells were launched with, each once. */
export function artifactsOfEvidence(evidence: Iterable<Evidence>): ArtifactsAtHand {
  const firmwares = new Map<string, FirmwareAtHand>();
  const kernels = new Map<string, FileAtHand>();
  const initrds = new Map<string, FileAtHand>();
  for (const { artifacts, cell } of evidence) {
    const { firmware, kernel, initrd } = artifacts;
    if (!firmwares.has(firmware.sha256)) {
      const descriptor = readFirmwareDescriptor(firmware.descriptor, `evidence of ${cell.id}`);
      firmwares.set(firmware.sha256, { name: firmware.name, descriptor, origin: 'at-hand' });
    }
    for (const [files, artifact] of [
      [kernels, kernel],
      [initrds, initrd],
    ] as const) {
      if (artifact === null) continue;
      files.set(artifact.sha256, { name: artifact.name, sha256: bytes(artifact.sha256), origin: 'at-hand' });
    }
  }
  return { firmwares: [...firmwares.values()], kernels: [...kernels.values()], initrds: [...initrds.values()] };
}
