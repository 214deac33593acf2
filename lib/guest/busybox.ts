import { HarnessError } from '../errors.ts';
import { parseElf } from './elf.ts';

/** The programs of busybox that the agent calls, apart from what its shell has built in. */
export const BUSYBOX_APPLETS = [
  'base64',
  'cat',
  'cut',
  'dd',
  'dmesg',
  'grep',
  'head',
  'insmod',
  'mkdir',
  'mount',
  'poweroff',
  'rmdir',
  'sh',
  'sha256sum',
  'sleep',
  'stty',
  'tr',
  'uname',
  'wc',
] as const;

/** Where distributions put a static busybox, first to last. */
export const BUSYBOX_PATHS = ['/bin/busybox', '/usr/bin/busybox', '/bin/busybox-static', '/usr/bin/busybox-static'];

/** No busybox is larger. */
export const BUSYBOX_BYTES_MAX = 64 * 1024 * 1024;

/** Where to get one. */
export const BUSYBOX_HINT =
  'name a static busybox for x86-64 with --busybox (Debian and Ubuntu: /bin/busybox of the package busybox-static)';

/** The applets of BUSYBOX_APPLETS that a busybox was built without. Source: busybox applets/applets.c, applet_names. */
function lackingApplets(file: Uint8Array): string[] {
  // Names stand one after the other, each with a NUL at its end.
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  return BUSYBOX_APPLETS.filter((name) => !bytes.includes(`\0${name}\0`, 0, 'latin1'));
}

/**
 * Says if a program is a busybox that works as the only program of a guest: static, for x86-64, with what the agent calls.
 * @param where the file, for messages   @throws HarnessError INITRD_INVALID
 */
export function checkBusybox(file: Uint8Array, where: string): void {
  const refuse = (what: string): HarnessError =>
    new HarnessError({ code: 'INITRD_INVALID', what, where, hint: BUSYBOX_HINT });
  const { kind, needsInterpreter } = parseElf(file, where);
  if (kind !== 'program') throw refuse('not a program');
  if (needsInterpreter) throw refuse('a dynamically linked program, which cannot run alone in an initrd');
  const lacking = lackingApplets(file);
  if (lacking.length === 0) return;
  throw refuse(lacking.length === BUSYBOX_APPLETS.length ? 'not a busybox' : `a busybox without ${lacking.join(', ')}`);
}
