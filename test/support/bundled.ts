import { mkdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';
import { projectPath } from './paths.ts';
import { test } from './test.ts';

/**
 * A program of the tests, bundled once for the tests of a file: it starts in a sixth of the time that tsx needs for it.
 * @param source from the root of the project   @returns its path; the file is there from the first test to the last
 */
export function bundled(...source: string[]): string {
  // Below node_modules, where it finds the packages that are not bundled.
  const folder = projectPath('node_modules', '.cache', 'snp-conform-tests');
  const path = `${folder}/${basename(source.at(-1) ?? '', '.ts')}.${process.pid}.mjs`;
  test.beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await build({
      entryPoints: [projectPath(...source)],
      outfile: path,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
  });
  test.afterAll(() => rmSync(path, { force: true }));
  return path;
}
