import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HarnessError } from '../../errors.ts';
import { packageRoot } from '../../runner/package-root.ts';
import type { PageAssets } from './html.ts';

const BUILD_MS = 60_000;

let known: PageAssets | undefined;

/**
 * Script and style of the page, looked for once a process: those that the package ships, or in a checkout those that its sources give.
 * @throws HarnessError INTERNAL where they cannot be built
 */
export function pageAssets(): PageAssets {
  known ??= findAssets();
  return known;
}

function findAssets(): PageAssets {
  const root = packageRoot();
  const build = join(root, 'report-ui', 'build.mjs');
  const inCheckout = existsSync(build);
  const folder = inCheckout
    ? join(root, 'node_modules', '.cache', 'snp-conform', 'report-ui')
    : join(root, 'dist', 'report-ui');
  try {
    // It builds only what is older than its sources.
    if (inCheckout) {
      execFileSync(process.execPath, [build, folder], { stdio: ['ignore', 'ignore', 'pipe'], timeout: BUILD_MS });
    }
    return {
      script: readFileSync(join(folder, 'page.js'), 'utf8'),
      style: readFileSync(join(folder, 'page.css'), 'utf8'),
    };
  } catch (cause) {
    throw new HarnessError({
      code: 'INTERNAL',
      what: `script and style of the page are missing: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: folder,
      cause,
    });
  }
}
