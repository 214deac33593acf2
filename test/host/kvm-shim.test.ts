import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtKvmShim } from '../../lib/host/kvm-shim.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

test('several who build the shim into one folder at once all get it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'snp-shim-'));
  try {
    const source = projectPath('native', 'kvm-shim.c');
    const built = await Promise.all(Array.from({ length: 3 }, () => builtKvmShim(source, folder)));
    expect(new Set(built.map(({ path }) => path)).size).toBe(1);
    expect(await readdir(folder), 'and nothing beside it').toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
