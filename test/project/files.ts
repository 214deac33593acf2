import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PROJECT_ROOT } from '../support/paths.ts';

/** Folders with nothing in them that a person wrote. */
const GENERATED = new Set(['.git', 'node_modules', 'dist', 'reports', 'test-results', 'blob-report']);

/** Every file of the project, by its path from the root, sorted. */
export function projectFiles(folder: string = PROJECT_ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return GENERATED.has(entry.name) ? [] : projectFiles(path);
      return entry.isFile() ? [relative(PROJECT_ROOT, path)] : [];
    })
    .sort();
}

/** The text of a file of the project; undefined where it is binary. */
export function projectText(path: string): string | undefined {
  const bytes = readFileSync(join(PROJECT_ROOT, path));
  return bytes.includes(0) ? undefined : bytes.toString('utf8');
}

/** The sources that people maintain: TypeScript, C and style sheets. */
export function sourceFiles(): string[] {
  return projectFiles().filter((path) => /\.(?:tsx?|c|h|css)$/.test(path));
}
