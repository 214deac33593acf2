import { HarnessError } from '../errors.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import type { Cell } from '../matrix/cell.ts';
import { planCells } from '../matrix/cells.ts';
import { matrixSchema } from '../matrix/matrix-file.ts';
import { SharedPredictions } from '../measure/shared-predictions.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOfHostKernel } from '../measure/vmm-profiles.ts';
import { MatrixArtifacts } from './launcher.ts';
import type { LoadedPlan } from './plan.ts';
import { cellInputs, measuredArtifacts } from './predict-cell.ts';

/** The VMM profile of each host as far as its entry tells, without asking the host. */
function vmmProfiles(entries: readonly HostEntry[]): Map<string, string> {
  return new Map(
    entries.map((entry) => {
      const known = entry.emulation === undefined ? undefined : vmmProfileOfHostKernel(entry.emulation.profile);
      return [entry.name, entry.vmmProfile ?? known ?? DEFAULT_VMM_PROFILE];
    }),
  );
}

/** The error of a cell, with the cell in it. */
function ofCell(thrown: unknown, cell: Cell): unknown {
  if (!(thrown instanceof HarnessError)) return thrown;
  const { code, what, hint } = thrown;
  const where = [thrown.where, `cell ${cell.id}`].filter((part) => part !== undefined).join(', ');
  return new HarnessError({ code, what, where, hint, cause: thrown });
}

/** @returns the launch digest of a cell by VMM profile, 48 bytes each */
async function predictFor(
  shared: SharedPredictions,
  cell: Cell,
  artifacts: MatrixArtifacts,
  profiles: Iterable<string>,
): Promise<Map<string, Uint8Array>> {
  try {
    const { firmwareDescriptor, kernel, initrd } = await artifacts.of(cell);
    const measured = measuredArtifacts(firmwareDescriptor, kernel, initrd);
    return new Map([...profiles].map((profile) => [profile, shared.launchDigest(cellInputs(cell, measured, profile))]));
  } catch (thrown) {
    throw ofCell(thrown, cell);
  }
}

/**
 * Predicts every cell of a plan once, so that a wrong file or axis is told before anything is launched.
 * @throws HarnessError of the codes of lib/measure and of unreadable files, naming the cell
 */
export async function checkPredictions(loaded: LoadedPlan, cacheFolder: string): Promise<void> {
  const { source } = loaded;
  if (source.kind !== 'hosts') return;
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  const profiles = vmmProfiles(source.entries);
  const shared = new SharedPredictions();
  for (const { cell, hosts } of loaded.cells) {
    const needed = new Set(hosts.map((host) => profiles.get(host) ?? DEFAULT_VMM_PROFILE));
    await predictFor(shared, cell, artifacts, needed);
    for (const profile of needed) source.reference.digestOf(cell.id, profile);
  }
}

/** A cell with its launch digests, 48 bytes each by VMM profile. */
export interface PredictedCell {
  cell: Cell;
  digests: ReadonlyMap<string, Uint8Array>;
}

/**
 * The launch digests of all cells of a matrix for some VMM profiles, exclusions by host tag left aside.
 * @throws HarnessError MATRIX_INVALID, and as checkPredictions
 */
export async function predictMatrix(
  matrixFile: string,
  profiles: readonly string[],
  cacheFolder: string,
): Promise<PredictedCell[]> {
  const matrix = readJsonFile(matrixFile, matrixSchema, 'MATRIX_INVALID');
  const artifacts = new MatrixArtifacts(matrix, matrixFile, cacheFolder);
  const shared = new SharedPredictions();
  const predicted: PredictedCell[] = [];
  for (const { cell, excludedBecause } of planCells(matrix, [], matrixFile)) {
    if (excludedBecause !== undefined) continue;
    predicted.push({ cell, digests: await predictFor(shared, cell, artifacts, profiles) });
  }
  return predicted;
}
