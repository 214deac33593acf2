import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError } from '../errors.ts';
import { makeFolder, outputError } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { type Authority, type AuthorityKeys, createAuthority, generateAuthorityKeys } from '../firmware/authority.ts';
import { readAuthority, writeAuthority } from '../firmware/authority-file.ts';
import type { ProductName } from '../firmware/platform.ts';

/** In the cache folder. */
const FOLDER = 'emulated-authorities';

/** A clock that runs a little ahead elsewhere must not see certificates that are not valid yet. */
const BACKDATED_MS = 24 * 3600_000;

async function readStored(path: string): Promise<Authority | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot be read: ${fileTrouble(cause)}`,
      where: path,
      cause,
    });
  }
  return readAuthority(text, path);
}

/** Writes a file that only this user may read, unless there is one: of several that write at once, one wins. */
async function writeOnce(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(fresh, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return;
    const what = `the keys of an emulated authority cannot be kept: ${fileTrouble(cause)}`;
    const hint = 'SNP_CONFORM_CACHE names another folder';
    throw outputError(cause, { what, where: path, hint });
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Puts the root's certificate beside the keys, for `report verify --trusted-ark`. */
async function withRootBeside(authority: Authority, folder: string): Promise<Authority> {
  const { commonName, certificate } = authority.ark;
  const path = join(folder, `${commonName}.pem`);
  if (!existsSync(path)) await writeOnce(path, new X509Certificate(certificate).toString());
  return authority;
}

/**
 * The emulated issuers of a product, made at first use and then kept: three RSA keys take seconds, and whoever verifies
 * must see the same ones as whoever signs.
 * @param generate makes the keys; for tests
 * @throws HarnessError FILE_UNREADABLE, JSON_INVALID, OUTPUT_UNWRITABLE
 */
export async function emulatedAuthority(
  cacheFolder: string,
  product: ProductName,
  generate: () => Promise<AuthorityKeys> = generateAuthorityKeys,
): Promise<Authority> {
  const folder = join(cacheFolder, FOLDER);
  const path = join(folder, `${product}.json`);
  const stored = await readStored(path);
  if (stored !== undefined) return withRootBeside(stored, folder);
  makeFolder(folder, 'cache');
  const keys = await generate();
  await writeOnce(path, writeAuthority(createAuthority(product, keys, new Date(Date.now() - BACKDATED_MS))));
  const kept = await readStored(path);
  if (kept !== undefined) return withRootBeside(kept, folder);
  throw new HarnessError({ code: 'FILE_UNREADABLE', what: 'the file was removed while it was made', where: path });
}
