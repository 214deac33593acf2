import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { HarnessError } from '../errors.ts';
import type { LocalArtifact } from './host.ts';

const FLAGS = ['-O2', '-Wall', '-Wextra', '-fPIC', '-shared'];

/**
 * The KVM shim, built with the system's C compiler unless this very source was built before.
 * @param sourcePath native/kvm-shim.c   @param folder where builds are kept
 * @throws HarnessError NATIVE_BUILD
 */
export async function builtKvmShim(sourcePath: string, folder: string, compiler = 'cc'): Promise<LocalArtifact> {
  const source = await readFile(sourcePath);
  const key = createHash('sha256').update(source).update(FLAGS.join(' ')).digest('hex').slice(0, 16);
  const path = join(folder, `kvm-shim-${key}.so`);
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true });
    const fresh = `${path}.${process.pid}`;
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
