import { z } from 'zod';
import { readJsonFile } from '../evidence/json-file.ts';

const referenceSchema = z.record(z.string(), z.string().regex(/^[0-9a-f]{96}$/, '96 lower-case hex digits'));

/** Launch digests that were published for cells: what the ID blocks carry in place of the prediction made now. */
export class Reference {
  readonly #digests: Readonly<Record<string, string>>;

  constructor(digests: Readonly<Record<string, string>>) {
    this.#digests = digests;
  }

  /** Reads a JSON object of cell id to digest. @throws HarnessError FILE_UNREADABLE, REFERENCE_INVALID */
  static load(path: string | null): Reference {
    return new Reference(path === null ? {} : readJsonFile(path, referenceSchema, 'REFERENCE_INVALID'));
  }

  /** 48 bytes; undefined where nothing was published for the cell. */
  digestOf(cellId: string): Uint8Array | undefined {
    const digest = this.#digests[cellId];
    return digest === undefined ? undefined : new Uint8Array(Buffer.from(digest, 'hex'));
  }
}
