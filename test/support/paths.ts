import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../../lib/cache.ts';

/** The folder of package.json. */
export const PROJECT_ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The folder that keeps what is fetched or built once. */
export const CACHE_FOLDER = cacheDirectory(process.env, homedir());

/** Where the artifacts of the tests are, each in a folder of its name. */
export const ARTIFACTS_FOLDER = join(CACHE_FOLDER, 'artifacts');

/** A path in the project, from its root. */
export function projectPath(...parts: string[]): string {
  return join(PROJECT_ROOT, ...parts);
}
