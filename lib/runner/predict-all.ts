import { HarnessError, inPlace } from '../errors.ts';
import type { InputFile } from '../evidence/input-file.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import type { Cell } from '../matrix/cell.ts';
import { planCells } from '../matrix/cells.ts';
import { matrixSchema } from '../matrix/matrix-file.ts';
import { SharedPredictions } from '../measure/shared-predictions.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOfHostKernel } from '../measure/vmm-profiles.ts';
import { HashesAhead } from './hashes-ahead.ts';
import { MatrixArtifacts } from './launcher.ts';
import type { LoadedPlan } from './plan.ts';
import { CellInputs, type MeasuredArtifacts } from './predict-cell.ts';

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

/** The values by their key, keys and values in the order in which they are first met. */
function groupedBy<V>(values: Iterable<V>, keyOf: (value: V) => string): V[][] {
  const groups = new Map<string, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}

/** Names of artifacts have no blanks. */
const bootFilesOf = ({ kernel, initrd }: Cell): string => `${kernel ?? ''} ${initrd ?? ''}`;

/**
 * Cells by the files that they have in common. Those of one kernel stand together: they are predicted while the next kernel
 * is hashed.
 */
const cellsByFiles = (cells: Iterable<Cell>): Cell[][] =>
  groupedBy(cells, bootFilesOf).flatMap((group) => groupedBy(group, ({ firmware }) => firmware));

/** Predicts the cells of one matrix: each file is read once, each page hashed once, whatever cells have it in common. */
class MatrixPredictions {
  readonly #artifacts: MatrixArtifacts;
  readonly #inputs = new CellInputs();
  readonly #shared = new SharedPredictions();

  constructor(artifacts: MatrixArtifacts) {
    this.#artifacts = artifacts;
  }

  /**
   * Predicts cells, those with the same files as soon as these are read.
   * @param profilesOf the VMM profiles for which a cell is predicted
   * @returns the launch digests by VMM profile, 48 bytes each   @throws HarnessError of a cell that cannot be predicted
   */
  async of(
    cells: Iterable<Cell>,
    profilesOf: (cell: Cell) => Iterable<string>,
  ): Promise<Map<Cell, Map<string, Uint8Array>>> {
    const predicted = new Map<Cell, Map<string, Uint8Array>>();
    const groups = cellsByFiles(cells);
    const hashes = new HashesAhead(groups.flatMap((group) => group.slice(0, 1).flatMap(this.#bootFiles)));
    try {
      for (const group of groups) {
        let measured: MeasuredArtifacts | undefined;
        for (const cell of group) {
          try {
            measured ??= await this.#artifacts.measured(cell, hashes);
            predicted.set(cell, this.#digestsOf(cell, measured, profilesOf(cell)));
          } catch (thrown) {
            throw ofCell(this.#ofFirmware(thrown, cell), cell);
          }
        }
      }
    } finally {
      await hashes.close();
    }
    return predicted;
  }

  readonly #bootFiles = (cell: Cell): InputFile[] => this.#artifacts.bootFiles(cell);

  /** The error with the file of the firmware, where it is about that and does not say so itself. */
  #ofFirmware(thrown: unknown, cell: Cell): unknown {
    const isOfFirmware = thrown instanceof HarnessError && /^OVMF_/.test(thrown.code) && thrown.where === undefined;
    return isOfFirmware ? inPlace(thrown, this.#artifacts.firmwarePlace(cell.firmware)) : thrown;
  }

  #digestsOf(cell: Cell, measured: MeasuredArtifacts, profiles: Iterable<string>): Map<string, Uint8Array> {
    const digests = new Map<string, Uint8Array>();
    for (const profile of profiles) {
      digests.set(profile, this.#shared.launchDigest(this.#inputs.of(cell, measured, profile)));
    }
    return digests;
  }
}

/**
 * Predicts every cell of a plan once, so that a wrong file or axis is told before anything is launched.
 * @throws HarnessError of the codes of lib/measure and of unreadable files, naming the cell
 */
export async function checkPredictions(loaded: LoadedPlan, cacheFolder: string): Promise<void> {
  const { source } = loaded;
  if (source.kind !== 'hosts') return;
  const profiles = vmmProfiles(source.entries);
  const hostsOf = new Map(loaded.cells.map(({ cell, hosts }) => [cell, hosts]));
  const profilesOf = (cell: Cell): Set<string> =>
    new Set(hostsOf.get(cell)?.map((host) => profiles.get(host) ?? DEFAULT_VMM_PROFILE));
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  for (const [cell, digests] of await new MatrixPredictions(artifacts).of(hostsOf.keys(), profilesOf)) {
    for (const profile of digests.keys()) source.reference.digestOf(cell.id, profile);
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
  const cells = planCells(matrix, [], matrixFile)
    .filter(({ excludedBecause }) => excludedBecause === undefined)
    .map(({ cell }) => cell);
  const artifacts = new MatrixArtifacts(matrix, matrixFile, cacheFolder);
  const predicted = await new MatrixPredictions(artifacts).of(cells, () => profiles);
  return cells.map((cell) => ({ cell, digests: predicted.get(cell) ?? new Map() }));
}
