import { kernelHashesTable } from '../abi/kernel-hashes.ts';
import { PAGE_BYTES } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import type { KernelHashes } from './inputs.ts';
import { sha256 } from './sha.ts';

/** The hash that stands for no initial ramdisk: that of no bytes at all, 32 bytes. Source: QEMU, target/i386/sev.c. */
export const NO_INITRD: Uint8Array = sha256(new Uint8Array(0));

/** Longer than any argument of a program, its NUL not counted. Source: Linux, include/uapi/linux/binfmts.h, MAX_ARG_STRLEN. */
const APPEND_BYTES_MAX = 32 * PAGE_BYTES - 1;

/** What Linux takes of a command line on x86, its NUL not counted. Source: Linux, arch/x86/include/asm/setup.h, COMMAND_LINE_SIZE. */
const LINUX_CMDLINE_BYTES = 2047;

/** Says that Linux cuts off the end of a command line; null where it takes all of it. The digest is of all in any case. */
export function cmdlineCut(append: string): string | null {
  const bytes = Buffer.byteLength(append);
  if (bytes <= LINUX_CMDLINE_BYTES) return null;
  return `the kernel command line has ${bytes} bytes: all are measured, and Linux on x86 takes the first ${LINUX_CMDLINE_BYTES}`;
}

/**
 * SHA-256 of the kernel command line as QEMU hashes it: its bytes and one NUL. No command line is an empty one.
 * @param append exactly what `-append` gets   @returns 32 bytes
 * @throws HarnessError APPEND_INVALID for text that cannot reach QEMU unchanged
 * Source: QEMU, target/i386/sev.c, sev_add_kernel_loader_hashes.
 */
export function cmdlineHashOf(append: string | null): Uint8Array {
  const text = append ?? '';
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    throw new HarnessError({
      code: 'APPEND_INVALID',
      what: `the kernel command line has a NUL at character ${nul}`,
      hint: 'QEMU takes it as a C string, which ends there',
    });
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > APPEND_BYTES_MAX) {
    throw new HarnessError({
      code: 'APPEND_INVALID',
      what: `the kernel command line has ${bytes} bytes, expected at most ${APPEND_BYTES_MAX}`,
      hint: 'Linux starts no program, QEMU neither, with a longer argument',
    });
  }
  if (/[\p{Surrogate}\ufffd]/u.test(text)) {
    throw new HarnessError({
      code: 'APPEND_INVALID',
      what: 'the kernel command line is not valid UTF-8',
      hint: 'its bytes were lost before they could be hashed; use plain ASCII',
    });
  }
  return sha256(Buffer.from(`${text}\0`, 'utf8'));
}

/**
 * The hashes that QEMU puts into the table, from hashes of the files.
 * @param files.kernelSha256 32 bytes   @param files.initrdSha256 32 bytes; null: no initrd, hashed as no bytes at all
 * @throws HarnessError APPEND_INVALID
 */
export function kernelHashesFrom(files: {
  kernelSha256: Uint8Array;
  initrdSha256: Uint8Array | null;
  append: string | null;
}): KernelHashes {
  return {
    kernel: files.kernelSha256,
    initrd: files.initrdSha256 ?? NO_INITRD,
    cmdline: cmdlineHashOf(files.append),
  };
}

/**
 * The hashes that QEMU puts into the table, from the contents of the files.
 * @param files.initrd null: no initrd, hashed as no bytes at all   @throws HarnessError APPEND_INVALID
 */
export function kernelHashesOf(files: {
  kernel: Uint8Array;
  initrd: Uint8Array | null;
  append: string | null;
}): KernelHashes {
  return kernelHashesFrom({
    kernelSha256: sha256(files.kernel),
    initrdSha256: files.initrd === null ? null : sha256(files.initrd),
    append: files.append,
  });
}

/**
 * The contents of the kernel hashes section: zeros, and the table at its offset in the page.
 * @param hashes 32 bytes each   @param tableGpa where the firmware expects the table   @param sectionBytes whole pages
 * @returns sectionBytes bytes   @throws HarnessError OVMF_NO_HASHES_TABLE where the table does not fit
 * Source: QEMU, target/i386/sev.c, snp_launch_update_kernel_hashes.
 */
export function kernelHashesSection(hashes: KernelHashes, tableGpa: number, sectionBytes: number): Uint8Array {
  const table = kernelHashesTable(hashes);
  const at = tableGpa % PAGE_BYTES;
  if (at + table.length > sectionBytes) {
    throw new HarnessError({
      code: 'OVMF_NO_HASHES_TABLE',
      what: `the table of kernel hashes (${table.length} bytes at offset ${at}) does not fit its section of ${sectionBytes} bytes`,
      hint: 'QEMU stops on this firmware; use an AmdSev build of OVMF',
    });
  }
  const section = new Uint8Array(sectionBytes);
  section.set(table, at);
  return section;
}
