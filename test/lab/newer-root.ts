import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { machineSources, PrivateApt } from './apt.ts';
import { command } from './command.ts';
import { suiteSources } from './debian.ts';
import { withLock } from './lock.ts';
import { announced } from './progress.ts';

const LOCK_TIMEOUT_MS = 15 * 60_000;
const SUITE = 'sid';
const SCRATCH = '.fetching-';

/** What a host needs, on top of a QEMU that is newer than this machine's, and the tool that asks SNP hosts how they are. */
const PACKAGES = [
  ...['qemu-system-x86', 'snphost', 'openssh-server'],
  ...['base-files', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'gzip', 'perl-base', 'sed', 'util-linux'],
];

/** No script of a package is run, so that what they would write is written here. */
const FILES = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\n',
} as const;

/** Nobody reads these there. */
const UNWANTED = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info'];

/** What starts QEMU of the root without making that the root: its loader, its libraries, its data. */
const LOADER = 'usr/lib64/ld-linux-x86-64.so.2';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const QEMU = 'usr/bin/qemu-system-x86_64';
const QEMU_DATA = ['usr/share/qemu', 'usr/share/seabios'] as const;

/** The root of a newer Debian, in the cache folder. */
export function newerRoot(cache: string): string {
  return join(cache, 'roots', `debian-${SUITE}`);
}

/**
 * Unpacks the packages of a newer Debian into a folder that a host of the tests has as its root; once. Nothing of it is
 * installed on this machine.
 * @throws HarnessError HOST_COMMAND when apt cannot give them, HOST_TIMEOUT when another process never finishes
 */
export async function fetchNewerRoot(cache: string): Promise<void> {
  const root = newerRoot(cache);
  if (existsSync(root)) return;
  await withLock(join(cache, 'setup.lock'), LOCK_TIMEOUT_MS, async () => {
    if (existsSync(root)) return;
    const { release, sources } = await machineSources();
    const parent = join(cache, 'roots');
    await mkdir(parent, { recursive: true });
    for (const name of await readdir(parent)) {
      if (name.startsWith(SCRATCH)) await rm(join(parent, name), { recursive: true, force: true });
    }
    const apt = await PrivateApt.create(cache, 'root', suiteSources(sources, release, [SUITE]));
    await announced(`package list of ${SUITE}`, () => apt.update());
    const scratch = await mkdtemp(join(parent, SCRATCH));
    const [tree, folder] = [join(scratch, 'tree'), join(scratch, 'archives')];
    const archives = await announced(`a root of Debian ${SUITE}`, () => apt.downloadWithAllTheyNeed(PACKAGES, folder));
    await announced('unpacking it', async () => {
      for (const archive of archives) await command(['dpkg-deb', '--extract', archive, tree]);
    });
    for (const unwanted of UNWANTED) await rm(join(tree, unwanted), { recursive: true, force: true });
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(tree, name), text);
    await rename(tree, root);
    await rm(scratch, { recursive: true, force: true });
    await apt.remove();
  });
}

/**
 * The QEMU of that root as a program of this machine, whose own loader and libraries may be older than what it was built with.
 * @returns the program to launch: a script that adds some words before those of the caller   @throws HarnessError as `fetchNewerRoot`
 */
export async function newerQemu(cache: string): Promise<string> {
  await fetchNewerRoot(cache);
  const at = (path: string): string => `'${join(newerRoot(cache), path).replaceAll("'", `'\\''`)}'`;
  const data = QEMU_DATA.map((path) => `-L ${at(path)}`).join(' ');
  const program = join(cache, 'qemu-newer', 'qemu-system-x86_64');
  const words = `${at(LOADER)} --library-path ${at(LIBRARIES)} ${at(QEMU)} ${data}`;
  await mkdir(dirname(program), { recursive: true });
  await writeFile(program, `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(program, 0o755);
  return program;
}
