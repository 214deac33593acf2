import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from './test.ts';

/** A folder for the tests of one file, removed after them. @returns a path in it, for a name */
export function testFolder(): (...names: string[]) => string {
  // Made at first use: a file is also loaded where none of its tests will run, and there nothing would remove it.
  let folder: string | undefined;
  test.afterAll(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  return (...names) => {
    folder ??= mkdtempSync(join(tmpdir(), 'snp-conform-'));
    return join(folder, ...names);
  };
}
