import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { HarnessError } from '../errors.ts';
import { hashInputFile } from '../evidence/input-file.ts';
import { ensureArtifact } from './artifact-store.ts';
import type { LocalArtifact } from './host.ts';
import type { Session } from './session.ts';

/** A QEMU build that is a folder on the machine of the harness: what `make install` made, or an unpacked package. */
export interface QemuTree {
  /** Absolute. */
  tree: string;
  /** Of QEMU in it, relative. */
  binary: string;
}

const PACK_MS = 600_000;
const UNPACK_MS = 600_000;
const TREE_BYTES_MAX = 8 * 1024 ** 3;
const PACKED_NAME = 'tree.tar';

/** The same tree packs to the same bytes, whenever and by whomever. Source: GNU tar, "Making tar Archives More Reproducible". */
const TAR_WORDS = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/**
 * Unpacks the tree in a folder of the store, unless it is there as it was unpacked. It is there whole or not at all, and a
 * QEMU that runs from one that is replaced keeps its files. Argument: the folder.
 */
const UNPACK_SCRIPT = `
cd "$1" || exit
umask 022
exec 9>>.unpack && flock 9 || exit
sum() { (cd "$1" && find . -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum); }
if [ -d tree ] && [ "$(sum tree)" = "$(cat tree.sum)" ]; then exit 0; fi
rm -rf tree.new tree.old && mkdir tree.new && tar -x -f ${PACKED_NAME} -C tree.new --no-same-owner || exit
sum tree.new >tree.sum || exit
if [ -d tree ]; then mv tree tree.old || exit; fi
mv tree.new tree && rm -rf tree.old
`;

/** Packs folders on the machine of the harness, each once a process. */
export class TreePacker {
  readonly #folder: string;
  readonly #packed = new Map<string, Promise<LocalArtifact>>();

  /** @param cacheFolder keeps the last archive of each folder */
  constructor(cacheFolder: string) {
    this.#folder = join(cacheFolder, 'trees');
  }

  /**
   * @returns the archive of the tree, and its SHA-256
   * @throws HarnessError HOSTS_INVALID where QEMU is not in the tree; FILE_UNREADABLE where it cannot be packed
   */
  async pack({ tree, binary }: QemuTree): Promise<LocalArtifact> {
    const found = await stat(join(tree, binary)).catch(() => undefined);
    if (found?.isFile() !== true) {
      throw new HarnessError({
        code: 'HOSTS_INVALID',
        what: existsSync(tree) ? `there is no file ${binary} in ${tree}` : `there is no folder ${tree}`,
        where: 'a QEMU tree of hosts.json',
        hint: '"tree" is a folder of this machine, "binary" the path of QEMU in it',
      });
    }
    const known = this.#packed.get(tree) ?? this.#pack(tree);
    this.#packed.set(tree, known);
    return known;
  }

  async #pack(tree: string): Promise<LocalArtifact> {
    const path = join(this.#folder, `${createHash('sha256').update(tree).digest('hex').slice(0, 16)}.tar`);
    const fresh = `${path}.${randomBytes(4).toString('hex')}`;
    try {
      await mkdir(this.#folder, { recursive: true });
      const words = ['--create', '--file', fresh, ...TAR_WORDS, '--directory', tree, '.'];
      const done = await execa('tar', words, { reject: false, stdin: 'ignore', timeout: PACK_MS });
      if (done.exitCode !== 0) {
        throw new HarnessError({
          code: 'FILE_UNREADABLE',
          what: `${tree} cannot be packed: ${done.stderr.trim().slice(0, 500) || done.shortMessage}`,
          where: 'a QEMU tree of hosts.json',
          hint: 'GNU tar packs it; may this user read all of it?',
        });
      }
      const sha256 = await hashInputFile({
        ...{ path: fresh, what: `QEMU tree ${tree}`, maxBytes: TREE_BYTES_MAX },
        hint: 'name the folder into which QEMU was installed, not the one in which it was built',
      });
      await rename(fresh, path);
      return { name: `QEMU tree ${basename(tree)}`, path, sha256: Buffer.from(sha256).toString('hex') };
    } finally {
      await rm(fresh, { force: true });
    }
  }
}

/**
 * Brings a tree to a host, once: its path there carries the SHA-256 of its archive.
 * @param storeDirectory absolute, on the host   @returns `<store>/<sha256>/tree`
 * @throws HarnessError as ensureArtifact; HOST_UPLOAD when it cannot be unpacked there
 */
export async function ensureTree(session: Session, storeDirectory: string, packed: LocalArtifact): Promise<string> {
  const folder = dirname(await ensureArtifact(session, storeDirectory, packed, PACKED_NAME));
  const { exitCode, stderr } = await session.run(['sh', '-c', UNPACK_SCRIPT, 'snp-unpack', folder], {
    timeoutMs: UNPACK_MS,
  });
  if (exitCode === 0) return `${folder}/tree`;
  throw new HarnessError({
    code: 'HOST_UPLOAD',
    what: `${packed.name} could not be unpacked: ${stderr.trim().slice(0, 500) || `exit code ${exitCode}`}`,
    where: `host ${session.name}, ${folder}`,
    hint: 'a QEMU tree needs tar, find and flock on the host, and room for the tree beside its archive',
  });
}
