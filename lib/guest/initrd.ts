import { AGENT_SCRIPT } from './agent-script.ts';
import { BUSYBOX_APPLETS } from './busybox.ts';
import type { KernelModule } from './kernel-modules.ts';
import { type ArchiveEntry, writeNewc } from './newc.ts';

/** What a guest's initrd is made of, apart from the agent. */
export interface InitrdParts {
  /** A static busybox for x86-64; see checkBusybox. */
  busybox: Uint8Array;
  /** In the order in which they are loaded. */
  modules: readonly KernelModule[];
}

const FOLDERS = ['bin', 'dev', 'modules', 'proc', 'sys', 'tmp'];
/** Source: Linux Documentation/admin-guide/devices.txt. */
const CONSOLE = { major: 5, minor: 1 };

/**
 * Makes the initrd of a guest that runs the agent and nothing else: a cpio archive, not compressed. The same parts give
 * the same bytes, on every machine and day.
 * @throws HarnessError INITRD_INVALID for names of modules that are no file names
 */
export function buildInitrd({ busybox, modules }: InitrdParts): Uint8Array {
  const numbered = modules.map(({ name, content }, index): ArchiveEntry => {
    // The agent loads them in the order of their names.
    const path = `modules/${String(index).padStart(2, '0')}-${name}.ko`;
    return { kind: 'file', path, executable: false, content };
  });
  return writeNewc([
    ...FOLDERS.map((path): ArchiveEntry => ({ kind: 'folder', path })),
    { kind: 'file', path: 'init', executable: true, content: Buffer.from(AGENT_SCRIPT) },
    { kind: 'file', path: 'bin/busybox', executable: true, content: busybox },
    ...BUSYBOX_APPLETS.map((name): ArchiveEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' })),
    { kind: 'character-device', path: 'dev/console', ...CONSOLE },
    ...numbered,
  ]);
}
