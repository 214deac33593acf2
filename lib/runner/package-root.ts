import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HarnessError } from '../errors.ts';

const NAME = 'snp-conform';

function isRoot(folder: string): boolean {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return false;
  const { name } = JSON.parse(readFileSync(path, 'utf8')) as { name?: unknown };
  return name === NAME;
}

/** The folder of this package, whether the code runs from its sources, from dist/ or from a bundle. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isRoot(folder)) {
    const above = dirname(folder);
    if (above === folder) throw new HarnessError({ code: 'INTERNAL', what: 'the folder of the package was not found' });
    folder = above;
  }
  return folder;
}

/** The bundle that bin/snp-conform made of a checkout, where this code runs from it. */
export function bundleFolder(): string | undefined {
  return /^.*\/bundle-\d+(?=\/)/.exec(fileURLToPath(import.meta.url))?.[0];
}

/** The version of this package. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}
