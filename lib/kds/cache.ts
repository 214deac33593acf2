import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { schemaTrouble, writeFileAtomically } from '../evidence/json-file.ts';

const FORMAT = 'snp-conform/kds-entry@1';

/** Twice the largest answer, for base64 and what stands around it. */
const ENTRY_BYTES_MAX = 2 * 1024 * 1024;

const entrySchema = z.strictObject({
  format: z.literal(FORMAT),
  /** Where it was fetched. */
  url: z.string(),
  fetchedAt: z.iso.datetime(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  body: z.base64(),
});

/** An answer of the service that was kept. */
export interface CachedAnswer {
  bytes: Uint8Array;
  fetchedAt: Date;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Answers of one service on disk, one file each, written whole or not at all. What is kept needs no trust: every
 * certificate is verified when it is used. The digest is there so that a damaged file is told from a wrong certificate.
 */
export class KdsCache {
  readonly folder: string;
  readonly #note: (text: string) => void;

  /** @param root the folder of all services   @param base the address of this one: a mirror's answers are kept apart */
  constructor(root: string, base: string, note: (text: string) => void) {
    const host = new URL(base).hostname.replaceAll(/[^a-z0-9.-]/g, '_').slice(0, 80);
    this.folder = join(root, `${host}-${sha256(Buffer.from(base)).slice(0, 12)}`);
    this.#note = note;
  }

  #path(name: string): string {
    return join(this.folder, `${name}.json`);
  }

  #damaged(path: string, why: string): undefined {
    this.#note(`${path}: ${why}; passed over, and fetched anew where that can be done`);
    return undefined;
  }

  /** What is kept under a name; undefined where nothing is, or nothing that can be used: that is named in a note. */
  read(name: string): CachedAnswer | undefined {
    const path = this.#path(name);
    let text: string;
    try {
      if (statSync(path).size > ENTRY_BYTES_MAX) return this.#damaged(path, `more than ${ENTRY_BYTES_MAX} bytes`);
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return this.#damaged(path, `cannot be read: ${fileTrouble(error)}`);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.#damaged(path, 'not JSON'); // The reader can do nothing with what the parser says of it.
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) return this.#damaged(path, schemaTrouble(entry.error));
    const bytes = new Uint8Array(Buffer.from(entry.data.body, 'base64'));
    if (sha256(bytes) !== entry.data.sha256) return this.#damaged(path, 'its body has not the digest that it states');
    return { bytes, fetchedAt: new Date(entry.data.fetchedAt) };
  }

  /** Keeps an answer. @throws HarnessError KDS_CACHE */
  async write(name: string, url: string, bytes: Uint8Array, fetchedAt: Date): Promise<void> {
    const path = this.#path(name);
    const entry: z.input<typeof entrySchema> = {
      format: FORMAT,
      url,
      fetchedAt: fetchedAt.toISOString(),
      sha256: sha256(bytes),
      body: Buffer.from(bytes).toString('base64'),
    };
    try {
      await writeFileAtomically(path, `${JSON.stringify(entry, null, 2)}\n`);
    } catch (cause) {
      throw new HarnessError({
        code: 'KDS_CACHE',
        what: `the answer cannot be kept: ${fileTrouble(cause)}`,
        where: path,
        hint: 'SNP_CONFORM_CACHE names another folder',
        cause,
      });
    }
  }
}
