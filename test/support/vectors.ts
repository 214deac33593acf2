import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Vmm } from '../../lib/measure/vmm-profiles.ts';
import { PROJECT_ROOT } from './paths.ts';

/** The folder of known answers and real reports: SNP_CONFORM_VECTORS, else `../shared/vectors` beside the project. */
export const vectorsFolder = resolve(PROJECT_ROOT, process.env.SNP_CONFORM_VECTORS ?? join('..', 'shared', 'vectors'));

/** Are the known answers at hand? Tests of them skip with `vectorsAbsent` where they are not. */
export const vectorsPresent = existsSync(join(vectorsFolder, 'launch-digests.json'));

/** Why a test of known answers was skipped. */
export const vectorsAbsent = `known answers are absent: no ${vectorsFolder}; set SNP_CONFORM_VECTORS to their folder`;

/** The bytes of one file of the vectors, by its path in their folder, for example `ovmf/ovmf_AmdSev_suffix.bin`. */
export function vectorBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectorsFolder, path)));
}

/** One known answer of launch-digests.json; hex is lower-case; null where the row does not say. */
export interface LaunchDigestRow {
  id: string;
  mode: string;
  vmm: Vmm;
  vcpus: number;
  vcpuType: string | null;
  vcpuSig: string | null;
  guestFeatures: string | null;
  /** Path in the vectors folder. */
  ovmf: string;
  /** Where given, the launch digest after the firmware pages, to start from. */
  ovmfHashHex: string | null;
  kernelHex: string | null;
  initrdHex: string | null;
  append: string | null;
  expectedHex?: string;
  expectedError?: string;
}

/** All known answers; empty where the vectors are absent. */
export function launchDigestRows(): LaunchDigestRow[] {
  if (!vectorsPresent) return [];
  return JSON.parse(readFileSync(join(vectorsFolder, 'launch-digests.json'), 'utf8')) as LaunchDigestRow[];
}
