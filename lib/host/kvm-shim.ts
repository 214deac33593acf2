import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { HarnessError } from '../errors.ts';
import type { LocalArtifact } from './host.ts';

const FLAGS = ['-O2', '-Wall', '-Wextra', '-fPIC', '-shared'];

/** Names a build: by all sources that are beside each other, and how they are compiled. */
async function keyOf(sourcePath: string): Promise<string> {
  const folder = dirname(sourcePath);
  const names = (await readdir(folder)).filter((name) => /\.[ch]$/.test(name)).sort();
  const hash = createHash('sha256').update(FLAGS.join(' '));
  for (const name of names) hash.update(`\n${name}\n`).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/**
 * The KVM shim, built with the system's C compiler unless this very source was built before.
 * @param sourcePath native/kvm-shim.c   @param folder where builds are kept
 * @throws HarnessError NATIVE_BUILD
 */
export async function builtKvmShim(sourcePath: string, folder: string, compiler = 'cc'): Promise<LocalArtifact> {
  const key = await keyOf(sourcePath);
  const path = join(folder, `kvm-shim-${key}.so`);
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    // Several hosts of a process may build it at once.
    const fresh = `${path}.${randomBytes(5).toString('hex')}`;
    const built = await execa(compiler, [...FLAGS, '-o', fresh, sourcePath], { reject: false });
    if (built.exitCode !== 0) {
      throw new HarnessError({
        code: 'NATIVE_BUILD',
        what: `${compiler} failed: ${built.stderr?.slice(0, 2000) || built.shortMessage}`,
        where: sourcePath,
        hint: 'an emulated host needs a C compiler and the Linux headers (Debian: apt-get install gcc libc6-dev linux-libc-dev)',
        cause: built,
      });
    }
    await rename(fresh, path);
  }
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return { name: 'kvm-shim', path, sha256 };
}
