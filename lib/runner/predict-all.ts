import pLimit from 'p-limit';
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
import { CellInputs, type MeasuredArtifacts, measuredArtifacts } from './predict-cell.ts';

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

/** So many combinations of files are read at a time: what is read is in memory until it is hashed. */
const FILES_AT_A_TIME = 4;

/** Predicts the cells of one matrix: each file is read once, each page hashed once, whatever cells have it in common. */
class MatrixPredictions {
  readonly #artifacts: MatrixArtifacts;
  readonly #inputs = new CellInputs();
  readonly #shared = new SharedPredictions();
  readonly #pending = new Map<string, Promise<MeasuredArtifacts>>();
  readonly #measured = new Map<string, MeasuredArtifacts>();

  constructor(artifacts: MatrixArtifacts) {
    this.#artifacts = artifacts;
  }

  async #read(cell: Cell): Promise<MeasuredArtifacts> {
    const { firmwareDescriptor, kernel, initrd } = await this.#artifacts.of(cell);
    return measuredArtifacts(firmwareDescriptor, kernel, initrd);
  }

  /** Begins to read the files of the cells; what goes wrong is told by the first cell that needs them. */
  begin(cells: Iterable<Cell>): void {
    const limit = pLimit(FILES_AT_A_TIME);
    for (const cell of cells) {
      const key = filesOf(cell);
      if (this.#pending.has(key)) continue;
      const reading = limit(() => this.#read(cell));
      reading.catch(() => undefined);
      this.#pending.set(key, reading);
    }
  }

  /** The files of a cell. Ten thousand cells have forty combinations of them: most are there, and nothing is awaited. */
  #filesOf(cell: Cell): MeasuredArtifacts | Promise<MeasuredArtifacts> {
    const key = filesOf(cell);
    const known = this.#measured.get(key);
    if (known !== undefined) return known;
    const reading = this.#pending.get(key) ?? this.#read(cell);
    return reading.then((measured) => {
      this.#measured.set(key, measured);
      return measured;
    });
  }

  /** @returns the launch digest of a cell by VMM profile, 48 bytes each */
  async digestsOf(cell: Cell, profiles: Iterable<string>): Promise<Map<string, Uint8Array>> {
    try {
      const files = this.#filesOf(cell);
      const measured = files instanceof Promise ? await files : files;
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
  const predictions = new MatrixPredictions(new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder));
  const profiles = vmmProfiles(source.entries);
  predictions.begin(loaded.cells.map(({ cell }) => cell));
  for (const { cell, hosts } of loaded.cells) {
    const needed = new Set(hosts.map((host) => profiles.get(host) ?? DEFAULT_VMM_PROFILE));
    await predictions.digestsOf(cell, needed);
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
  const predictions = new MatrixPredictions(new MatrixArtifacts(matrix, matrixFile, cacheFolder));
  const planned = planCells(matrix, [], matrixFile).filter(({ excludedBecause }) => excludedBecause === undefined);
  predictions.begin(planned.map(({ cell }) => cell));
  const predicted: PredictedCell[] = [];
  for (const { cell } of planned) predicted.push({ cell, digests: await predictions.digestsOf(cell, profiles) });
  return predicted;
}
