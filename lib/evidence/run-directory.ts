import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { asHarnessError, HarnessError } from '../errors.ts';
import { resultHostOf } from './attempt.ts';
import { type Damage, damageError } from './damage.ts';
import { makeFolder } from './folders.ts';
import { fileTrouble } from './input-file.ts';
import { checked } from './json-file.ts';
import { holdsToSeal, MANIFEST_FILE, type ManifestEntry, type RunStatement, readManifest } from './manifest.ts';
import { migrateWithEvidence } from './migrations.ts';
import { sha256Hex } from './recording/format.ts';
import { launchOf, type RecordedRow, type Result, resultSchema, rowKey } from './results.ts';
import { type CellFile, cellFileSchema } from './schema.ts';

/** How every test of a run ended, one line each, added as they end. */
export const RESULTS_FILE = 'results.jsonl';
const CELLS_FOLDER = 'cells';

/** Adds a line. */
export function appendResult(runDirectory: string, result: Result): void {
  makeFolder(runDirectory, 'run');
  appendFileSync(join(runDirectory, RESULTS_FILE), `${JSON.stringify(result)}\n`);
}

/** A run that was read from its directory. */
export interface RunDirectory {
  path: string;
  /** undefined in directories of a time before there were manifests, and where its line is damaged. */
  statement: RunStatement | undefined;
  damages: Damage[];
  /** All rows that are whole, read one after another; gone through as often as wanted. */
  rows: () => Generator<RecordedRow>;
}

/** Paths of the cell files that are there, relative to the run directory, sorted. */
function cellFilesIn(runDirectory: string): string[] {
  const folder = join(runDirectory, CELLS_FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => relative(runDirectory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** Reads a cell file and holds it to the manifest. @returns words where it is not what was written */
function readCellFile(runDirectory: string, name: string, entry: ManifestEntry | undefined): CellFile | string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(runDirectory, name));
  } catch (cause) {
    return `cannot be read: ${fileTrouble(cause)}`;
  }
  const hash = sha256Hex(bytes);
  if (entry?.versions.some((version) => version.sha256 === hash && version.bytes === bytes.length) === false) {
    return 'it is not what was written';
  }
  try {
    const document = migrateWithEvidence(JSON.parse(bytes.toString('utf8')), name);
    return checked(cellFileSchema, document, 'EVIDENCE_INVALID', name);
  } catch (thrown) {
    return asHarnessError(thrown, { code: 'EVIDENCE_INVALID', where: name }).message;
  }
}

/** How every test of a run ended, by the key of its row. @param damages gets what is not as it was written */
export function readResults(runDirectory: string, damages: Damage[]): Map<string, Result> {
  const file = join(runDirectory, RESULTS_FILE);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [''];
  lines.pop();
  const results = new Map<string, Result>();
  for (const [place, line] of lines.entries()) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined; // Its schema refuses it.
    }
    const result = resultSchema.safeParse(value).data;
    if (result !== undefined) results.set(rowKey(result), result);
    else damages.push({ where: `${RESULTS_FILE}, line ${place + 1}`, what: 'it is not what was written', cells: [] });
  }
  return results;
}

/** The result of a cell whose test was never told to have ended: its process was. */
function resultOfCell({ evidence, verdict }: CellFile): Result {
  return {
    ...launchOf(evidence),
    host: resultHostOf(evidence),
    result: verdict.result,
    durationMs: Object.values(evidence.timingsMs).reduce((sum, ms) => sum + ms, 0),
    message: '',
    cell: evidence.cell,
  };
}

function toRow(result: Result, file: CellFile | undefined): RecordedRow {
  if (file === undefined) return { ...result, evidence: null, judged: null };
  const { format: _, evidence, ...judged } = file;
  return { ...result, evidence, judged };
}

/** Is what was told of the tests still what was told, and what all is held to still there? */
function damagesOfLists(runDirectory: string, seal: ManifestEntry | undefined): Damage[] {
  const [manifest, results] = [join(runDirectory, MANIFEST_FILE), join(runDirectory, RESULTS_FILE)];
  if (!existsSync(manifest)) {
    // Directories of a time before there were manifests have no list of results either.
    return existsSync(results) ? [{ where: MANIFEST_FILE, what: 'it is gone, and with it every hash', cells: [] }] : [];
  }
  if (seal === undefined) return [];
  if (!existsSync(results)) return [{ where: RESULTS_FILE, what: 'it is gone', cells: [] }];
  const holds = holdsToSeal(readFileSync(results), seal);
  return holds ? [] : [{ where: RESULTS_FILE, what: 'it is not what was written', cells: [] }];
}

/** Looks at every file that the manifest lists, and at every one that it does not. */
function damagesOf(runDirectory: string): Damage[] {
  const { files, damagedLines } = readManifest(runDirectory);
  const seal = files.get(RESULTS_FILE);
  files.delete(RESULTS_FILE);
  const there = new Set(cellFilesIn(runDirectory));
  const damages: Damage[] = damagedLines.map((line) => ({
    where: `${MANIFEST_FILE}, line ${line}`,
    what: 'it is not what was written',
    cells: [],
  }));
  damages.push(...damagesOfLists(runDirectory, seal));
  for (const [name, entry] of files) {
    if (there.has(name)) continue;
    // What was about to be written when the process ended was never finished, and is nobody's loss.
    if (entry.finished) damages.push({ where: name, what: 'it is gone', cells: [name] });
  }
  for (const name of there) {
    const read = readCellFile(runDirectory, name, files.get(name));
    if (typeof read === 'string') damages.push({ where: name, what: read, cells: [name] });
    else if (files.size > 0 && !files.has(name))
      damages.push({ where: name, what: 'the manifest does not list it', cells: [] });
  }
  return damages;
}

/**
 * Reads the directory of a run and verifies every file of it by its hash.
 * @throws HarnessError EVIDENCE_INVALID, which names what is damaged, unless `keepGoing` is given; FILE_UNREADABLE where it is
 * no directory of a run
 */
export function openRunDirectory(path: string, options: { keepGoing?: true } = {}): RunDirectory {
  if (!existsSync(join(path, CELLS_FOLDER)) && !existsSync(join(path, RESULTS_FILE))) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: 'this is neither the directory of a run nor a recording',
      where: path,
      hint: 'a run is kept in reports/run, earlier ones in reports/earlier',
    });
  }
  const damages = damagesOf(path);
  const results = readResults(path, damages);
  if (damages.length > 0 && options.keepGoing !== true) throw damageError(damages, path, 'EVIDENCE_INVALID');
  const { statement, files } = readManifest(path);
  const damaged = new Set(damages.flatMap(({ cells }) => cells));
  const rows = function* (): Generator<RecordedRow> {
    const told = new Set<string>();
    for (const name of cellFilesIn(path).filter((file) => !damaged.has(file))) {
      const file = readCellFile(path, name, files.get(name));
      if (typeof file === 'string') continue;
      const own = resultOfCell(file);
      const found = [...suitesOf(results, own)];
      for (const result of found.length > 0 ? found : [own]) {
        told.add(rowKey(result));
        yield toRow(result, file);
      }
    }
    for (const [key, result] of results) if (!told.has(key)) yield toRow(result, undefined);
  };
  return { path, statement, damages, rows };
}

/** The results of a cell's file, of whatever suite. */
function* suitesOf(results: ReadonlyMap<string, Result>, own: Result): Generator<Result> {
  const result = results.get(rowKey(own));
  if (result !== undefined) yield result;
}
