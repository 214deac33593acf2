import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleFolder } from './package-root.ts';

/**
 * The program of a worker thread: beside this file in an installed package, and in the bundle that bin/snp-conform makes of
 * a checkout. Sources that are run as they are have none: their work is done in the thread that asks.
 * @param name of its file, without its ending
 */
export function workerProgram(name: 'search-worker' | 'hash-worker'): URL | null {
  const bundle = bundleFolder();
  if (bundle !== undefined) return pathToFileURL(join(bundle, 'cli', 'lib', 'runner', `${name}.mjs`));
  return import.meta.url.endsWith('.ts') ? null : new URL(`./${name}.js`, import.meta.url);
}
