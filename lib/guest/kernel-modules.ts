import { HarnessError } from '../errors.ts';
import { parseElf } from './elf.ts';

/** What there is of one kernel's modules. */
export interface ModuleTree {
  /** The folder, for messages. */
  folder: string;
  /** Paths of module files from the folder, `/` between parts. */
  files: readonly string[];
  /** Names of what is built into the kernel. Source: kbuild, modules.builtin. */
  builtIn: ReadonlySet<string>;
  /** What depmod(8) wrote, file by file; null where it was never run, as in an unpacked package. */
  dependencies: ReadonlyMap<string, readonly string[]> | null;
}

/** A module that the guest loads. */
export interface KernelModule {
  /** As the kernel names it: `sev_guest`. */
  name: string;
  /** Path from the folder of the tree. */
  path: string;
  /** The ELF object, not compressed; a signature at its end stays. */
  content: Uint8Array;
}

/** Gives a module file of the tree, whose compression is undone. */
export type ReadModule = (path: string) => Promise<Uint8Array>;

/** The driver of the SNP guest device; what registers its reports in configfs comes by its dependencies. */
const GUEST_DRIVER = 'sev_guest';
/** The core of configfs-tsm: `tsm` in Linux 6.7 to 6.15, `tsm_report` since. Source: drivers/virt/coco/Makefile. */
const TSM_CORE = ['tsm_report', 'tsm'] as const;
/** A chain of modules that need each other is short; a longer one is a circle. */
const MAX_DEPTH = 32;

const MODULE_FILE = /\.ko(?:\.(?:gz|xz|zst))?$/;

/** Is this the name of a kernel module's file? */
export function isModuleFile(path: string): boolean {
  return MODULE_FILE.test(path);
}

/** The name of the module in a file: the kernel writes `_` where files may have `-`. */
export function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(MODULE_FILE, '').replaceAll('-', '_');
}

/** Reads modules.dep: `PATH: PATH PATH`. Source: modules.dep(5). */
export function parseDependencies(text: string): Map<string, readonly string[]> {
  const rows = text.split('\n').flatMap((line): [string, string[]][] => {
    const colon = line.indexOf(':');
    if (colon <= 0) return [];
    const needs = line.slice(colon + 1).split(/\s+/);
    return [[line.slice(0, colon).trim(), needs.filter((path) => path !== '')]];
  });
  return new Map(rows);
}

/** Reads modules.builtin: a path a line. Source: Linux Documentation/kbuild/kbuild.rst. */
export function parseBuiltIn(text: string): Set<string> {
  const lines = text.split('\n').map((line) => line.trim());
  return new Set(lines.filter((line) => line !== '').map(moduleName));
}

/** The modules that a module needs, by its own `depends`. Source: Linux include/linux/module.h, .modinfo. */
function neededNames(content: Uint8Array, where: string): string[] {
  const info = parseElf(content, where).section('.modinfo');
  if (info === undefined) {
    throw new HarnessError({ code: 'INITRD_INVALID', what: 'not a kernel module: it has no .modinfo', where });
  }
  const lines = Buffer.from(info).toString('latin1').split('\0');
  const depends = lines.find((line) => line.startsWith('depends='))?.slice('depends='.length) ?? '';
  return depends
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'));
}

/** Finds modules of a tree and what they need. */
class Resolver {
  readonly #tree: ModuleTree;
  readonly #read: ReadModule;
  readonly #found = new Map<string, KernelModule>();

  constructor(tree: ModuleTree, read: ReadModule) {
    this.#tree = tree;
    this.#read = read;
  }

  /** What was asked for and all that it needs, each after what it needs itself. */
  get modules(): KernelModule[] {
    return [...this.#found.values()];
  }

  fault(what: string, hint?: string): HarnessError {
    return new HarnessError({ code: 'INITRD_INVALID', what, where: this.#tree.folder, hint });
  }

  /** The file of a module; undefined where there is none. */
  fileOf(name: string): string | undefined {
    const known = this.#tree.dependencies === null ? this.#tree.files : [...this.#tree.dependencies.keys()];
    const [first, second] = known.filter((path) => moduleName(path) === name);
    if (first !== undefined && second !== undefined) {
      throw this.fault(
        `two files are module ${name}: ${first} and ${second}`,
        'run depmod, which says which one counts',
      );
    }
    return first;
  }

  async add(name: string, neededBy: string | null, depth = 0): Promise<void> {
    if (this.#found.has(name) || this.#tree.builtIn.has(name)) return;
    if (depth > MAX_DEPTH) throw this.fault(`modules that need each other without end, ${name} among them`);
    const path = this.fileOf(name);
    if (path === undefined) {
      throw this.fault(`no module ${name}, which ${neededBy ?? 'the agent'} needs, and it is not built in`);
    }
    const content = await this.#read(path);
    const listed = this.#tree.dependencies?.get(path);
    // The file is looked at either way: a module that is none is told here, not by a guest that stays silent.
    const own = neededNames(content, `${this.#tree.folder}/${path}`);
    for (const need of listed?.map(moduleName) ?? own) await this.add(need, name, depth + 1);
    this.#found.set(name, { name, path, content });
  }
}

/**
 * The modules that a guest must load, in that order, to have the SNP guest device and its reports in configfs; none where
 * all of it is built in.
 * @throws HarnessError INITRD_INVALID when the kernel has no SNP guest driver or no configfs-tsm, or a module is missing
 */
export async function guestModules(tree: ModuleTree, read: ReadModule): Promise<KernelModule[]> {
  const resolver = new Resolver(tree, read);
  if (!tree.builtIn.has(GUEST_DRIVER) && resolver.fileOf(GUEST_DRIVER) === undefined) {
    throw resolver.fault(
      'this kernel has no SNP guest driver: sev-guest is no module and not built in',
      'it needs CONFIG_SEV_GUEST; some distributions put it into a package of extra modules',
    );
  }
  await resolver.add(GUEST_DRIVER, null);
  const names = [...tree.builtIn, ...resolver.modules.map(({ name }) => name)];
  const core = TSM_CORE.find((name) => names.includes(name)) ?? TSM_CORE.find((name) => resolver.fileOf(name));
  if (core === undefined) {
    throw resolver.fault(
      'this kernel has no configfs-tsm, through which the agent gets reports',
      'it needs Linux 6.7 or newer with CONFIG_TSM_REPORTS',
    );
  }
  await resolver.add(core, null);
  return resolver.modules;
}
