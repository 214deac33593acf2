import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { type LintResult, lint } from './biome.ts';
import { projectFiles, projectText } from './files.ts';

const CARELESS = `async function later(): Promise<number> {
  return 1;
}

export function go(name: string | undefined): string {
  later();
  const wide: any = name;
  return name! + String(wide);
}

export default go;
`;

test.describe('the linter', () => {
  test('has no complaint, and sees every TypeScript file', async () => {
    const { files, complaints } = await lint(PROJECT_ROOT);
    expect(complaints).toEqual([]);
    expect(files).toBeGreaterThanOrEqual(projectFiles().filter((path) => path.endsWith('.ts')).length);
  });

  test('has no complaint of the command, whose file has no extension to know it by', async () => {
    const text = projectText('bin/snp-conform') ?? '';
    expect((await lintOf({ 'bin/snp-conform.js': text })).complaints).toEqual([]);
  });

  test('tells a forgotten promise, an any, a non-null assertion and a default export', async () => {
    expect((await lintOf({ 'lib/careless.ts': CARELESS })).complaints).toEqual([
      'lib/careless.ts:11 lint/style/noDefaultExport (error)',
      'lib/careless.ts:6 lint/nursery/noFloatingPromises (error)',
      'lib/careless.ts:7 lint/suspicious/noExplicitAny (error)',
      'lib/careless.ts:8 lint/style/noNonNullAssertion (error)',
    ]);
  });
});

/** Checks files as if they were all of this project. */
async function lintOf(files: Record<string, string>): Promise<LintResult> {
  const root = await mkdtemp(join(tmpdir(), 'snp-conform-lint-'));
  try {
    for (const name of ['biome.json', '.gitignore']) await copyFile(projectPath(name), join(root, name));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    return await lint(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
