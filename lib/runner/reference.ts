import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { mostSimilar } from '../similar.ts';

const referenceSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{96}$/, '96 lower-case hex digits'));

/** Launch digests that were published for cells: what the ID blocks carry in place of the prediction made now. */
export class Reference {
  readonly #digests: Readonly<Record<string, string>>;

  constructor(digests: Readonly<Record<string, string>>) {
    this.#digests = digests;
  }

  /**
   * Reads a JSON object of cell id to digest.
   * @param cellIds all ids of the matrix: a digest that is published for no cell of it would never be looked at
   * @throws HarnessError FILE_UNREADABLE, REFERENCE_INVALID
   */
  static load(path: string | null, cellIds: Iterable<string>): Reference {
    if (path === null) return new Reference({});
    const digests = readJsonFile(path, referenceSchema, 'REFERENCE_INVALID');
    const known = new Set(cellIds);
    const stranger = Object.keys(digests).find((id) => !known.has(id));
    if (stranger !== undefined) {
      const similar = mostSimilar(stranger, [...known]);
      throw new HarnessError({
        code: 'REFERENCE_INVALID',
        what: `a digest is published for "${stranger}", which is no cell of the matrix`,
        where: path,
        hint: similar === undefined ? 'see `snp-conform predict --matrix` for the ids' : `did you mean "${similar}"?`,
      });
    }
    return new Reference(digests);
  }

  /** 48 bytes; undefined where nothing was published for the cell. */
  digestOf(cellId: string): Uint8Array | undefined {
    const digest = this.#digests[cellId];
    return digest === undefined ? undefined : new Uint8Array(Buffer.from(digest, 'hex'));
  }
}
