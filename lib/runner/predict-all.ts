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

/** Predicts the cells of one matrix: each file is read once, each page hashed once, whatever cells have it in common. */
class MatrixPredictions {
  readonly #artifacts: MatrixArtifacts;
  readonly #inputs = new CellInputs();
  readonly #shared = new SharedPredictions();
  readonly #measured = new Map<string, MeasuredArtifacts>();

  private constructor(artifacts: MatrixArtifacts) {
    this.#artifacts = artifacts;
  }

  /** Reads the files of the cells, one after another. @throws HarnessError of the first cell whose files cannot be used */
  static async of(cells: Iterable<Cell>, artifacts: MatrixArtifacts): Promise<MatrixPredictions> {
    const predictions = new MatrixPredictions(artifacts);
    const measured = predictions.#measured;
    for (const cell of cells) {
      const key = filesOf(cell);
      if (!measured.has(key)) measured.set(key, await predictions.#read(cell));
    }
    return predictions;
  }

  async #read(cell: Cell): Promise<MeasuredArtifacts> {
    try {
      return await this.#artifacts.measured(cell);
    } catch (thrown) {
      throw ofCell(thrown, cell);
    }
  }

  /** @returns the launch digest of a cell by VMM profile, 48 bytes each */
  digestsOf(cell: Cell, profiles: Iterable<string>): Map<string, Uint8Array> {
    const measured = this.#measured.get(filesOf(cell));
    if (measured === undefined) {
      throw new HarnessError({ code: 'INTERNAL', what: `the files of cell ${cell.id} were not read` });
    }
    try {
      const digests = new Map<string, Uint8Array>();
      for (const profile of profiles) {
        digests.set(profile, this.#shared.launchDigest(this.#inputs.of(cell, measured, profile)));
      }
      return digests;
    } catch (thrown) {
      throw ofCell(thrown, cell);
    }
  }
}

/** Names of artifacts have no blanks. */
const filesOf = ({ firmware, kernel, initrd }: Cell): string => `${firmware} ${kernel ?? ''} ${initrd ?? ''}`;

/**
 * Predicts every cell of a plan once, so that a wrong file or axis is told before anything is launched.
 * @throws HarnessError of the codes of lib/measure and of unreadable files, naming the cell
 */
export async function checkPredictions(loaded: LoadedPlan, cacheFolder: string): Promise<void> {
  const { source } = loaded;
  if (source.kind !== 'hosts') return;
  const predictions = await MatrixPredictions.of(
    loaded.cells.map(({ cell }) => cell),
    new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder),
  );
  const profiles = vmmProfiles(source.entries);
  for (const { cell, hosts } of loaded.cells) {
    const needed = new Set(hosts.map((host) => profiles.get(host) ?? DEFAULT_VMM_PROFILE));
    predictions.digestsOf(cell, needed);
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
  const cells = planCells(matrix, [], matrixFile)
    .filter(({ excludedBecause }) => excludedBecause === undefined)
    .map(({ cell }) => cell);
  const predictions = await MatrixPredictions.of(cells, new MatrixArtifacts(matrix, matrixFile, cacheFolder));
  return cells.map((cell) => ({ cell, digests: predictions.digestsOf(cell, profiles) }));
}
