// Bundles the page of results: `node report-ui/build.mjs FOLDER` writes page.js and page.css there, unless those are newer
// than every source. bin/snp-conform calls it in a checkout; `npm run build` for the package.
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
/** Folders whose files the bundle is made of. */
const SOURCES = [here, join(here, '..', 'lib', 'abi'), join(here, '..', 'lib', 'reporters', 'page')];
const OUTPUTS = ['page.js', 'page.css'];

function newest(folder) {
  return Math.max(
    ...readdirSync(folder, { withFileTypes: true }).map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? newest(path) : statSync(path).mtimeMs;
    }),
  );
}

function isFresh(folder) {
  const sourcesAt = Math.max(...SOURCES.map(newest));
  return OUTPUTS.every((name) => existsSync(join(folder, name)) && statSync(join(folder, name)).mtimeMs > sourcesAt);
}

export async function buildPage(folder) {
  if (isFresh(folder)) return;
  mkdirSync(folder, { recursive: true });
  const scratch = `.${process.pid}`;
  await build({
    entryPoints: { page: join(here, 'src', 'main.tsx') },
    outdir: join(folder, scratch),
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: ['chrome110', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // The document says that it is UTF-8.
    charset: 'utf8',
    legalComments: 'inline',
    logLevel: 'error',
    tsconfig: join(here, 'tsconfig.json'),
  });
  // Whole or not at all: another process may read them now.
  for (const name of OUTPUTS) renameSync(join(folder, scratch, name), join(folder, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: node report-ui/build.mjs FOLDER');
  await buildPage(folder);
}
