import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HarnessError } from '../../errors.ts';
import { bundleFolder, packageRoot } from '../../runner/package-root.ts';
import type { PageAssets } from './html.ts';

const BUILD_MS = 60_000;

let known: PageAssets | undefined;

/**
 * Script and style of the page, looked for once a process.
 * @throws HarnessError INTERNAL where they cannot be built
 */
export function pageAssets(): PageAssets {
  known ??= findAssets();
  return known;
}

/** Where they are: bundled beside this code, built into the package, or built now where the sources run as they are. */
function assetsFolder(): string {
  const bundle = bundleFolder();
  if (bundle !== undefined) return join(bundle, 'report-ui');
  const root = packageRoot();
  const build = join(root, 'report-ui', 'build.mjs');
  if (!existsSync(build)) return join(root, 'dist', 'report-ui');
  const folder = join(root, 'node_modules', '.cache', 'snp-conform-page');
  // It builds only what is older than its sources.
  execFileSync(process.execPath, [build, folder], { stdio: ['ignore', 'ignore', 'pipe'], timeout: BUILD_MS });
  return folder;
}

function findAssets(): PageAssets {
  try {
    const folder = assetsFolder();
    return {
      script: readFileSync(join(folder, 'page.js'), 'utf8'),
      style: readFileSync(join(folder, 'page.css'), 'utf8'),
    };
  } catch (cause) {
    throw new HarnessError({
      code: 'INTERNAL',
      what: `script and style of the page are missing: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: packageRoot(),
      cause,
    });
  }
}
