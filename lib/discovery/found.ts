/** A firmware image on a host. */
export interface FoundFirmware {
  readonly kind: 'firmware';
  readonly path: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Why no SNP guest starts with it; null where one does. */
  readonly unusable: string | null;
  /** Does it have a place for the hashes of a kernel? */
  readonly holdsKernelHashes: boolean;
}

/** A kernel on a host. */
export interface FoundKernel {
  readonly kind: 'kernel';
  readonly path: string;
  readonly sha256: string;
  /** `6.12.0-amd64`, of vmlinuz-6.12.0-amd64; the whole name of a file that is named otherwise. */
  readonly release: string;
  /** The initrd that its distribution made for it. */
  readonly initrd: string | null;
  /** /lib/modules/RELEASE, where it is there. */
  readonly modules: string | null;
}

/** A QEMU build on a host. */
export interface FoundQemu {
  readonly kind: 'qemu';
  readonly path: string;
  /** What it says of itself; null: it could not be asked. */
  readonly version: string | null;
  /** Why it launches no SNP guest; null where it does. */
  readonly unusable: string | null;
}

/** What was found on a host. */
export interface Found {
  readonly firmware: readonly FoundFirmware[];
  readonly kernels: readonly FoundKernel[];
  readonly qemu: readonly FoundQemu[];
  /** What was seen and left out, and why, in words. */
  readonly leftOut: readonly string[];
}

/** Where distributions put OVMF. */
export const FIRMWARE_FOLDERS = [
  '/usr/share/ovmf',
  '/usr/share/OVMF',
  '/usr/share/edk2/ovmf',
  '/usr/share/edk2-ovmf/x64',
  '/usr/share/edk2/x64',
  '/usr/share/qemu',
] as const;

/** Where QEMU is installed, by packages and by hand. */
export const QEMU_FOLDERS = ['/usr/bin', '/usr/libexec', '/usr/local/bin', '/opt'] as const;
export const QEMU_NAMES = ['qemu-system-x86_64', 'qemu-kvm'] as const;

/** Where kernels are, and their modules. */
export const BOOT_FOLDER = '/boot';
export const MODULES_FOLDER = '/lib/modules';

/** Source: QEMU hw/i386/x86-common.c, x86_bios_rom_init. */
export const QEMU_FIRMWARE_UNIT = 64 * 1024;

/** Images in the order in which they are offered: AmdSev builds first, for their digests are what people ask about. */
export function byUsefulness(left: string, right: string): number {
  return Number(/amdsev/i.test(right)) - Number(/amdsev/i.test(left)) || (left < right ? -1 : 1);
}

const byNumber = new Intl.Collator('en', { numeric: true });

/** Kernel releases, the newest first. */
export function newestFirst(left: string, right: string): number {
  return byNumber.compare(right, left);
}

/** Lines of a host that are plain absolute paths; anything else is not a name that QEMU could be given. */
export function pathsIn(text: string): string[] {
  return text.split('\n').filter((line) => /^\/[^\0,\n]{1,1000}$/.test(line));
}

/** The SHA-256 of each file that sha256sum(1) could read. */
export function hashesIn(text: string): Map<string, string> {
  const rows = [...text.matchAll(/^([0-9a-f]{64}) [ *](\/[^\n]+)$/gm)];
  return new Map(rows.map(([, hash = '', path = '']) => [path, hash]));
}

/** The names under which distributions keep the initrd of a kernel in its folder. */
export function initrdNames(release: string): string[] {
  return [`initrd.img-${release}`, `initramfs-${release}.img`, `initrd-${release}`];
}
