import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { HarnessError } from '../errors.ts';
import { outputError } from '../evidence/folders.ts';
import { fileTrouble, readInputFile } from '../evidence/input-file.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import { AGENT_VERSION } from '../guest/agent-script.ts';
import { BUSYBOX_BYTES_MAX, BUSYBOX_HINT, BUSYBOX_PATHS, checkBusybox } from '../guest/busybox.ts';
import { buildInitrd } from '../guest/initrd.ts';
import { guestModules, type KernelModule } from '../guest/kernel-modules.ts';
import { moduleReader, readModuleTree } from '../guest/module-tree.ts';
import { sha256 } from '../measure/sha.ts';
import { hexOf } from '../text.ts';

interface InitrdFlags {
  kernelModules: string;
  busybox?: string;
  out: string;
}

const EXAMPLES = `
Examples:
  snp-conform guest-initrd --kernel-modules /lib/modules/6.12.0-amd64 --out agent.img
  snp-conform guest-initrd --kernel-modules unpacked/lib/modules/6.12.0-amd64 --busybox busybox.static --out agent.img

The initrd is measured. The same kernel modules, busybox and version of snp-conform give the same bytes, on every
machine and day.
`;

const NO_BUSYBOX = `there is no busybox at ${BUSYBOX_PATHS.join(', ')}`;

async function readBusybox(path: string): Promise<Uint8Array> {
  const bytes = await readInputFile({ path, what: 'busybox', maxBytes: BUSYBOX_BYTES_MAX });
  checkBusybox(bytes, path);
  return bytes;
}

/** The busybox that was named, else the first one of this machine that works alone in an initrd. */
async function busyboxOf(named: string | undefined): Promise<{ path: string; bytes: Uint8Array }> {
  if (named !== undefined) return { path: named, bytes: await readBusybox(named) };
  const troubles: unknown[] = [];
  for (const path of BUSYBOX_PATHS.filter((candidate) => existsSync(candidate))) {
    try {
      return { path, bytes: await readBusybox(path) };
    } catch (thrown) {
      troubles.push(thrown);
    }
  }
  throw troubles[0] ?? new HarnessError({ code: 'INITRD_INVALID', what: NO_BUSYBOX, hint: BUSYBOX_HINT });
}

async function modulesOf(folder: string): Promise<KernelModule[]> {
  return guestModules(await readModuleTree(folder), moduleReader(folder));
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomically(path, bytes);
  } catch (cause) {
    if (cause instanceof HarnessError) throw cause;
    const what = `the initrd cannot be written: ${fileTrouble(cause)}`;
    throw outputError(cause, { what, where: path });
  }
}

/** `snp-conform guest-initrd`: the initrd whose guest sends its attestation report. */
export function guestInitrdCommand(): Command {
  return new Command('guest-initrd')
    .requiredOption(
      '--kernel-modules <folder>',
      'modules of the kernel that the guest boots, as in /lib/modules/RELEASE',
    )
    .requiredOption('--out <file>', 'where to write the initrd')
    .option('--busybox <file>', `a static busybox for x86-64; without it the first of ${BUSYBOX_PATHS.join(', ')}`)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: InitrdFlags) => {
      const [busybox, modules] = await Promise.all([busyboxOf(flags.busybox), modulesOf(flags.kernelModules)]);
      const initrd = buildInitrd({ busybox: busybox.bytes, modules });
      await write(flags.out, initrd);
      const loaded = modules.map(({ name }) => name).join(', ') || 'none, all of it is built in';
      process.stdout.write(
        `${flags.out}: ${initrd.length} bytes, SHA-256 ${hexOf(sha256(initrd))}\n` +
          `  agent ${AGENT_VERSION}; busybox ${busybox.path}, SHA-256 ${hexOf(sha256(busybox.bytes))}\n` +
          `  kernel modules: ${loaded}\n`,
      );
    });
}
