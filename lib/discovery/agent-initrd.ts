import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import { BUSYBOX_BYTES_MAX, BUSYBOX_HINT, BUSYBOX_PATHS, checkBusybox } from '../guest/busybox.ts';
import { buildInitrd } from '../guest/initrd.ts';
import {
  guestModules,
  isModuleFile,
  type ModuleTree,
  parseBuiltIn,
  parseDependencies,
} from '../guest/kernel-modules.ts';
import { MODULE_BYTES_MAX, unpackModule } from '../guest/module-tree.ts';
import type { Session } from '../host/session.ts';

const LIST_BYTES_MAX = 16 * 1024 * 1024;
const LOOK_MS = 60_000;

async function textOf(session: Session, path: string): Promise<string | null> {
  const bytes = await session.readFile(path, LIST_BYTES_MAX);
  return bytes === undefined ? null : Buffer.from(bytes).toString('utf8');
}

/** The modules of a kernel on a host. */
async function treeOn(session: Session, folder: string): Promise<ModuleTree> {
  const argv = ['find', folder, '-name', '*.ko*', '-not', '-type', 'd', '-print'];
  const listed = await session.run(argv, { timeoutMs: LOOK_MS, maxOutputBytes: LIST_BYTES_MAX });
  const dependencies = await textOf(session, posix.join(folder, 'modules.dep'));
  return {
    folder,
    files: listed.stdout
      .split('\n')
      .filter((path) => path.startsWith(`${folder}/`) && isModuleFile(path))
      .map((path) => path.slice(folder.length + 1))
      .sort(),
    builtIn: parseBuiltIn((await textOf(session, posix.join(folder, 'modules.builtin'))) ?? ''),
    dependencies: dependencies === null ? null : parseDependencies(dependencies),
  };
}

/** The first busybox of a host that works alone in an initrd. */
async function busyboxOn(session: Session): Promise<Uint8Array> {
  let trouble: HarnessError | undefined;
  for (const path of BUSYBOX_PATHS) {
    const bytes = await session.readFile(path, BUSYBOX_BYTES_MAX);
    if (bytes === undefined) continue;
    try {
      checkBusybox(bytes, path);
      return bytes;
    } catch (thrown) {
      if (!(thrown instanceof HarnessError)) throw thrown;
      trouble = thrown;
    }
  }
  if (trouble !== undefined) throw trouble;
  const what = `there is no busybox at ${BUSYBOX_PATHS.join(', ')}`;
  throw new HarnessError({ code: 'INITRD_INVALID', what, where: `host ${session.name}`, hint: BUSYBOX_HINT });
}

/**
 * Makes the initrd whose guest sends its report, for a kernel of a host, of the busybox and the modules there.
 * @param modules /lib/modules/RELEASE on the host
 * @throws HarnessError INITRD_INVALID, SSH_*, HOST_*
 */
export async function agentInitrdOf(session: Session, modules: string): Promise<Uint8Array> {
  const [busybox, tree] = await Promise.all([busyboxOn(session), treeOn(session, modules)]);
  const read = async (path: string): Promise<Uint8Array> => {
    const where = posix.join(modules, path);
    const bytes = await session.readFile(where, MODULE_BYTES_MAX);
    if (bytes !== undefined) return unpackModule(bytes, where);
    throw new HarnessError({ code: 'INITRD_INVALID', what: 'the kernel module is not there', where });
  };
  return buildInitrd({ busybox, modules: await guestModules(tree, read) });
}
