import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { HarnessError } from '../../lib/errors.ts';
import { type ListedPackage, machineSources, PrivateApt } from './apt.ts';
import { suiteSources } from './debian.ts';
import { withLock } from './lock.ts';
import { announced } from './progress.ts';

const LOCK_TIMEOUT_MS = 10 * 60_000;
const SCRATCH = '.fetching-';

/** A file of a Debian package that the tests and the example matrix launch. Data: nothing of it is run here. */
export interface ArtifactSource {
  /** Folder in the artifacts folder. */
  name: string;
  file: string;
  package: string;
  /** Where to look, first to last; `stable` is the release of this machine, `backports` its backports. */
  suites: readonly string[];
  /** The package only names the versioned package that has the file. */
  meta?: true;
  /** Path in the package, as tar's wildcards. */
  member: string;
  /** Modules of the kernel that are kept beside it, in the folder `modules`, as tar's wildcards below their root. */
  modules?: readonly string[];
}

/** What a guest of the agent may load, and the lists that say what else there is. */
const GUEST_MODULES = ['modules.*', 'kernel/drivers/virt/coco/*', 'kernel/fs/configfs/*', 'kernel/lib/crypto/*'];
const MODULES_FOLDER = 'modules';

export const ARTIFACTS: readonly ArtifactSource[] = [
  {
    name: 'ovmf-amdsev',
    file: 'OVMF.amdsev.fd',
    package: 'ovmf-amdsev',
    suites: ['sid', 'forky'],
    member: './usr/share/ovmf/OVMF.amdsev.fd',
  },
  { name: 'ovmf-x64', file: 'OVMF.fd', package: 'ovmf', suites: ['trixie'], member: './usr/share/ovmf/OVMF.fd' },
  {
    name: 'linux-stable',
    file: 'vmlinuz',
    package: 'linux-image-cloud-amd64',
    suites: ['stable'],
    meta: true,
    member: './boot/vmlinuz-*',
  },
  {
    name: 'linux-backports',
    file: 'vmlinuz',
    package: 'linux-image-cloud-amd64',
    suites: ['backports'],
    meta: true,
    member: './boot/vmlinuz-*',
    modules: GUEST_MODULES,
  },
  {
    name: 'busybox-static',
    file: 'busybox',
    package: 'busybox-static',
    suites: ['stable'],
    member: './*bin/busybox',
  },
];

/** The artifacts that the folder does not have. */
export function missingArtifacts(folder: string): readonly ArtifactSource[] {
  return ARTIFACTS.filter(({ name, file, modules }) => {
    const parts = [file, ...(modules === undefined ? [] : [MODULES_FOLDER])];
    return parts.some((part) => !existsSync(join(folder, name, part)));
  });
}

/**
 * Fetches what the folder lacks of the artifacts; touches no network where it lacks nothing. Each arrives whole or not
 * at all, with `source.json` beside it.
 * @param cache the cache folder; artifacts go to `artifacts/` in it
 * @throws HarnessError HOST_COMMAND when apt cannot give one, HOST_TIMEOUT when another process never finishes
 */
export async function fetchArtifacts(cache: string): Promise<void> {
  const folder = join(cache, 'artifacts');
  if (missingArtifacts(folder).length === 0) return;
  await withLock(join(cache, 'setup.lock'), LOCK_TIMEOUT_MS, async () => {
    const missing = missingArtifacts(folder);
    if (missing.length === 0) return;
    const { release, sources } = await machineSources();
    const suiteOf = (word: string): string =>
      word === 'stable' ? release.codename : word === 'backports' ? `${release.codename}-backports` : word;
    const suites = missing.flatMap((artifact) => artifact.suites.map(suiteOf));
    const apt = await PrivateApt.create(cache, 'artifacts', suiteSources(sources, release, suites));
    await announced(`package lists of ${suites.join(', ')}`, () => apt.update());
    await mkdir(folder, { recursive: true });
    await removeAbandoned(folder);
    for (const artifact of missing) {
      await announced(`artifact ${artifact.name}`, () => fetchOne(apt, artifact, artifact.suites.map(suiteOf), folder));
    }
    await apt.remove();
  });
}

/** What a killed process left half done; the caller holds the lock, so none of it is in use. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(SCRATCH)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function fetchOne(
  apt: PrivateApt,
  artifact: ArtifactSource,
  suites: readonly string[],
  folder: string,
): Promise<void> {
  const named = await apt.find(artifact.package, suites);
  const wanted = artifact.meta ? await apt.find(versionedPackage(named), [named.suite]) : named;
  const scratch = await mkdtemp(join(folder, SCRATCH));
  try {
    await apt.download(wanted, scratch);
    const bytes = await member(scratch, artifact.member);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const source = { package: wanted.name, version: wanted.version, suite: wanted.suite, sha256 };
    const whole = join(scratch, artifact.name);
    await mkdir(whole);
    await writeFile(join(whole, artifact.file), bytes);
    if (artifact.modules !== undefined) await keepModules(scratch, artifact.modules, join(whole, MODULES_FOLDER));
    await writeFile(join(whole, 'source.json'), `${JSON.stringify(source, null, 2)}\n`);
    await rm(join(folder, artifact.name), { recursive: true, force: true });
    await rename(whole, join(folder, artifact.name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The package that a meta package stands for: `Depends: linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)`. */
export function versionedPackage(meta: Pick<ListedPackage, 'name' | 'depends'>): string {
  const name = /^(linux-image-\S+)/.exec(meta.depends)?.[1];
  if (name !== undefined) return name;
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `package ${meta.name} depends on no versioned kernel but on "${meta.depends}"`,
    where: 'the Debian mirror of this machine',
  });
}

/** The only package in the folder, unpacked by tar with the arguments. The archive of a kernel is over 100 MB. */
async function unpacked(folder: string, tarArguments: readonly string[]) {
  const deb = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? 'no.deb';
  const archive = execa('dpkg-deb', ['--fsys-tarfile', join(folder, deb)], {
    stdin: 'ignore',
    buffer: { stdout: false },
  });
  const picked = await archive.pipe('tar', ['--extract', '--wildcards', ...tarArguments], {
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: 256 * 1024 * 1024,
    reject: false,
  });
  const lacks = (what: string): HarnessError =>
    new HarnessError({ code: 'HOST_COMMAND', what: `package ${deb} has no ${what}`, where: folder });
  return { failed: picked.failed, bytes: picked.stdout, lacks };
}

/** The bytes of one file of the only package in the folder. */
async function member(folder: string, pattern: string): Promise<Uint8Array> {
  const { failed, bytes, lacks } = await unpacked(folder, ['--to-stdout', pattern]);
  if (!failed && bytes.byteLength > 0) return bytes;
  throw lacks(pattern);
}

/** Keeps modules of the only package in the folder; `/lib` is `/usr/lib` in newer releases. */
async function keepModules(folder: string, patterns: readonly string[], target: string): Promise<void> {
  const tree = await mkdtemp(join(folder, 'tree-'));
  const members = patterns.map((pattern) => `./*lib/modules/*/${pattern}`);
  const { failed, lacks } = await unpacked(folder, ['--directory', tree, ...members]);
  const names = failed ? [] : await readdir(tree, { recursive: true });
  const root = names.find((name) => /^(?:usr\/)?lib\/modules\/[^/]+$/.test(name));
  if (root === undefined) throw lacks(members.join(' or '));
  await rename(join(tree, root), target);
}
