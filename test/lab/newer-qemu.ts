import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { machineSources, PrivateApt } from './apt.ts';
import { command } from './command.ts';
import { suiteSources } from './debian.ts';
import { withLock } from './lock.ts';
import { announced } from './progress.ts';

const LOCK_TIMEOUT_MS = 10 * 60_000;
const SUITE = 'sid';
const PACKAGE = 'qemu-system-x86';
const LOADER = 'usr/lib64/ld-linux-x86-64.so.2';
const PROGRAM = 'usr/bin/qemu-system-x86_64';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
/** What QEMU looks for at run time beside its libraries. */
const DATA = ['usr/share/qemu', 'usr/share/seabios'] as const;

/**
 * Starts the program with its own loader and libraries: this machine's may be older than what it was built with. The words
 * before those of the caller are all that is added.
 */
function launcher(folder: string): string {
  const at = (path: string): string => `'${join(folder, path).replaceAll("'", `'\\''`)}'`;
  const data = DATA.map((path) => `-L ${at(path)}`).join(' ');
  return `#!/bin/sh\nexec ${at(LOADER)} --library-path ${at(LIBRARIES)} ${at(PROGRAM)} ${data} "$@"\n`;
}

/** The shared libraries that the loader finds for the program, as paths below the tree. */
async function neededLibraries(tree: string): Promise<string[]> {
  const listed = await command([
    join(tree, LOADER),
    '--library-path',
    join(tree, LIBRARIES),
    '--list',
    join(tree, PROGRAM),
  ]);
  const paths = [...listed.matchAll(/=> (\/\S+)/g)].flatMap(([, path]) => path ?? []);
  return paths.filter((path) => path.startsWith(`${tree}/`)).map((path) => relative(tree, path));
}

async function copyInto(target: string, tree: string, path: string): Promise<void> {
  await mkdir(join(target, path, '..'), { recursive: true });
  await cp(join(tree, path), join(target, path), { recursive: true, dereference: true });
}

/**
 * The QEMU of Debian's newest suite, unpacked as data beside the artifacts with the libraries that it needs: nothing of it
 * is installed, and nothing of this machine is changed.
 * @param cache the cache folder; it goes to `qemu-newer/` in it
 * @returns the program to launch   @throws HarnessError HOST_COMMAND when apt cannot give it
 */
export async function newerQemu(cache: string): Promise<string> {
  const folder = join(cache, 'qemu-newer');
  const program = join(folder, 'qemu-system-x86_64');
  if (existsSync(program)) return program;
  await withLock(join(cache, 'setup.lock'), LOCK_TIMEOUT_MS, async () => {
    if (existsSync(program)) return;
    const { release, sources } = await machineSources();
    const apt = await PrivateApt.create(cache, 'qemu', suiteSources(sources, release, [SUITE]));
    await announced(`package lists of ${SUITE}`, () => apt.update());
    const wanted = await apt.find(PACKAGE, [SUITE]);
    const scratch = await mkdtemp(join(cache, '.unpacking-'));
    try {
      const [archives, tree, whole] = ['archives', 'tree', 'whole'].map((name) => join(scratch, name)) as [
        string,
        string,
        string,
      ];
      const pinned = `${wanted.name}=${wanted.version}`;
      const found = await announced(`QEMU ${wanted.version}`, () => apt.downloadWithAllTheyNeed([pinned], archives));
      for (const archive of found) await command(['dpkg-deb', '--extract', archive, tree]);
      const paths = [LOADER, PROGRAM, ...DATA, ...(await neededLibraries(tree))];
      for (const path of new Set(paths)) await copyInto(whole, tree, path);
      const { name, version, suite } = wanted;
      await writeFile(join(whole, 'source.json'), `${JSON.stringify({ package: name, version, suite }, null, 2)}\n`);
      await writeFile(join(whole, 'qemu-system-x86_64'), launcher(folder));
      await chmod(join(whole, 'qemu-system-x86_64'), 0o755);
      await rm(folder, { recursive: true, force: true });
      await rename(whole, folder);
    } finally {
      await rm(scratch, { recursive: true, force: true });
      await apt.remove();
    }
  });
  return program;
}
