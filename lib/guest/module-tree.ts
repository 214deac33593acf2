import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { HarnessError } from '../errors.ts';
import { fileTrouble, readInputFile } from '../evidence/input-file.ts';
import { isModuleFile, type ModuleTree, parseBuiltIn, parseDependencies, type ReadModule } from './kernel-modules.ts';

/** What a module may have at most, packed or not. */
export const MODULE_BYTES_MAX = 64 * 1024 * 1024;
const LIST_BYTES_MAX = 64 * 1024 * 1024;
const UNPACK_MS = 60_000;
/** Names that a folder of one kernel's modules has. */
const MARKS = ['modules.builtin', 'modules.dep', 'kernel'];

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const what = `cannot read the folder of kernel modules: ${fileTrouble(cause)}`;
    throw new HarnessError({ code: 'FILE_UNREADABLE', what, where: folder, cause });
  }
}

async function moduleFiles(folder: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true });
  const found = entries.map(async (entry): Promise<string[]> => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    // Links to folders lead to headers and sources; links to files are modules of another kernel that fit this one too.
    if (entry.isDirectory()) return moduleFiles(folder, path);
    return (entry.isFile() || entry.isSymbolicLink()) && isModuleFile(path) ? [path] : [];
  });
  return (await Promise.all(found)).flat().sort();
}

/**
 * Looks at the modules of one kernel.
 * @param folder `/lib/modules/RELEASE`, of this machine or of an unpacked package
 * @throws HarnessError FILE_UNREADABLE; INITRD_INVALID for a folder that is not of one kernel
 */
export async function readModuleTree(folder: string): Promise<ModuleTree> {
  const names = await namesIn(folder);
  if (!MARKS.some((mark) => names.includes(mark))) {
    const what = `not the modules of a kernel: expected ${MARKS.slice(0, -1).join(', ')} or ${MARKS.at(-1)} in it`;
    throw new HarnessError({ code: 'INITRD_INVALID', what, where: folder, hint: 'name /lib/modules/RELEASE' });
  }
  const list = async (name: string): Promise<string | null> => {
    if (!names.includes(name)) return null;
    const bytes = await readInputFile({ path: join(folder, name), what: name, maxBytes: LIST_BYTES_MAX });
    return Buffer.from(bytes).toString('utf8');
  };
  const [builtIn, dependencies] = await Promise.all([list('modules.builtin'), list('modules.dep')]);
  return {
    folder,
    files: await moduleFiles(folder),
    builtIn: parseBuiltIn(builtIn ?? ''),
    dependencies: dependencies === null ? null : parseDependencies(dependencies),
  };
}

/** A compression that distributions use for modules, known by the first bytes of a file. */
interface Compression {
  magic: Uint8Array;
  unpack(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Node 20 has gzip alone; the others are the work of their own programs, whose output is the same everywhere. */
function byProgram(program: string): Compression['unpack'] {
  return async (bytes) => {
    const done = await execa(program, ['-d', '-c'], {
      input: bytes,
      encoding: 'buffer',
      // The signature of a module ends with a newline.
      stripFinalNewline: false,
      maxBuffer: MODULE_BYTES_MAX,
      timeout: UNPACK_MS,
      reject: false,
    });
    if (!done.failed) return done.stdout;
    const missing = done.code === 'ENOENT';
    throw new Error(missing ? `there is no program ${program} here` : `${program}: ${done.shortMessage}`, {
      cause: done,
    });
  };
}

const COMPRESSIONS: readonly Compression[] = [
  { magic: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00), unpack: byProgram('xz') },
  { magic: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), unpack: byProgram('zstd') },
  {
    magic: Uint8Array.of(0x1f, 0x8b),
    unpack: async (bytes) => gunzipSync(bytes, { maxOutputLength: MODULE_BYTES_MAX }),
  },
];

/**
 * Undoes the compression of a module file, whichever it is; a plain one stays as it is.
 * @param where the file, for messages   @throws HarnessError INITRD_INVALID
 */
export async function unpackModule(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  const packed = COMPRESSIONS.find(({ magic }) => magic.every((byte, at) => bytes[at] === byte));
  if (packed === undefined) return bytes;
  try {
    return await packed.unpack(bytes);
  } catch (cause) {
    const what = `the kernel module cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new HarnessError({ code: 'INITRD_INVALID', what, where, hint: 'install xz and zstd', cause });
  }
}

/**
 * Reads module files of a tree, whatever their compression: an initrd that holds them plain is the same however a
 * distribution packs them, and every insmod can load them.
 * @returns throws HarnessError FILE_UNREADABLE, INITRD_INVALID
 */
export function moduleReader(folder: string): ReadModule {
  return async (path) => {
    const where = join(folder, path);
    const bytes = await readInputFile({ path: where, what: 'kernel module', maxBytes: MODULE_BYTES_MAX });
    return unpackModule(bytes, where);
  };
}
