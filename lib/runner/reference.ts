import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { readLaunchDigest } from '../identity/digest-text.ts';
import { mostSimilar } from '../similar.ts';
import { hexOf } from '../text.ts';

/** The name of the format of a reference file. */
export const REFERENCE_FORMAT = 'snp-conform/reference@1';

const HEX_DIGEST = /^[0-9a-f]{96}$/;
/** In one form only, which any other program that reads the file compares as text; another form is told in this one. */
const digest = z.string().regex(HEX_DIGEST, {
  error: ({ input }) => `expected a launch digest of 96 lower-case hex digits${inHex(String(input))}`,
});

/** The same digest as the file should have it, where that can be told from what it has. */
function inHex(text: string): string {
  try {
    const { digest: bytes, form } = readLaunchDigest(text, 'reference');
    return `, got one in ${form === 'hex' ? 'another form' : form}; write ${hexOf(bytes)}`;
  } catch {
    // What it looks like instead is not asked here.
    return '';
  }
}

/** Launch digests by VMM profile and cell id: one cell has another digest on another generation of host kernels. */
const referenceSchema = z.strictObject({
  format: z.literal(REFERENCE_FORMAT),
  digests: z.record(z.string(), z.record(z.string(), digest)),
});

/** Launch digests that were published for cells: what the ID blocks carry in place of the prediction made now. */
export class Reference {
  readonly #path: string | null;
  readonly #digests: Readonly<Record<string, Readonly<Record<string, string>>>>;

  constructor(path: string | null, digests: Readonly<Record<string, Readonly<Record<string, string>>>>) {
    this.#path = path;
    this.#digests = digests;
  }

  /** What a file says, before it is held to any matrix. @throws HarnessError FILE_UNREADABLE, REFERENCE_INVALID */
  static read(path: string): z.infer<typeof referenceSchema> {
    return readJsonFile(path, referenceSchema, 'REFERENCE_INVALID');
  }

  /**
   * Reads a reference file; without one, nothing is published for any cell.
   * @param cellIds all ids of the matrix: a digest that is published for no cell of it would never be looked at
   * @throws HarnessError FILE_UNREADABLE, REFERENCE_INVALID
   */
  static load(path: string | null, cellIds: Iterable<string>): Reference {
    if (path === null) return new Reference(null, {});
    const { digests } = Reference.read(path);
    const known = new Set(cellIds);
    const stranger = Object.values(digests)
      .flatMap((cells) => Object.keys(cells))
      .find((id) => !known.has(id));
    if (stranger !== undefined) {
      const similar = mostSimilar(stranger, [...known]);
      throw new HarnessError({
        code: 'REFERENCE_INVALID',
        what: `a digest is published for "${stranger}", which is no cell of the matrix`,
        where: path,
        hint: similar === undefined ? 'see `snp-conform predict --matrix` for the ids' : `did you mean "${similar}"?`,
      });
    }
    return new Reference(path, digests);
  }

  /**
   * What was published for a cell on hosts of a VMM profile.
   * @returns 48 bytes; undefined where there is no reference file at all
   * @throws HarnessError REFERENCE_INVALID where there is one and it lacks the cell
   */
  digestOf(cellId: string, vmmProfile: string): Uint8Array | undefined {
    if (this.#path === null) return undefined;
    const published = this.#digests[vmmProfile]?.[cellId];
    if (published !== undefined) return new Uint8Array(Buffer.from(published, 'hex'));
    throw new HarnessError({
      code: 'REFERENCE_INVALID',
      what: `no digest is published for ${cellId} on hosts of the VMM profile ${vmmProfile}`,
      where: this.#path,
      hint: 'publish it with `snp-conform predict --matrix`, or leave the cell out with --grep or an exclude rule',
    });
  }
}
