import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import {
  CAN_USE_HEAP,
  SETUP_HEADER,
  SETUP_HEADER_AT,
  SETUP_HEADER_MAGIC,
  type SetupHeader,
} from '../abi/linux-boot.ts';

/** A kernel image whose setup header is another; only its first bytes differ. */
export interface HeaderVariant {
  readonly origin: 'header-patched' | 'header-cleared';
  /** What was written into it, in words. */
  readonly what: string;
  /** The bytes of the setup header that stand at SETUP_HEADER_AT. */
  readonly header: Uint8Array;
}

/** What QEMU writes for a bzImage. Source: QEMU, hw/i386/x86-common.c, x86_load_linux. */
const QEMU = { typeOfLoader: 0xb0, heapEndPtr: 0xfe00, cmdLinePtr: 0x20000 } as const;
/** What ACPI tables take at the end of memory below 4 GiB. Source: QEMU, hw/i386/pc.c, acpi_data_size. */
const ACPI_BYTES = 0x28000;
/** Memory below 4 GiB of machines that people start, in bytes; q35 has at most 2 GiB or 2.75 GiB there. */
const LOW_MEMORY = [0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x8000_0000, 0xb000_0000, 0xc000_0000] as const;
/** Loader types that other VMMs write. Source: Linux, Documentation/arch/x86/boot.rst, type_of_loader. */
const OTHER_LOADERS = [0xff, 0x72, 0xd0, 0x21] as const;

/** Where QEMU may put an initrd, by the memory of the machine. */
function initrdAddresses({ initrdAddrMax }: SetupHeader, initrdBytes: number): number[] {
  const limits = [initrdAddrMax, 0x37ff_ffff, 0xffff_ffff, ...LOW_MEMORY.map((bytes) => bytes - ACPI_BYTES - 1)];
  const addresses = limits.filter((limit) => limit > initrdBytes).map((limit) => (limit - initrdBytes) & ~0xfff);
  return [...new Set(addresses.map((address) => address >>> 0))];
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/**
 * The setup headers that a VMM may have hashed in place of that of a kernel image: filled in by QEMU or another VMM, or, where
 * that at hand is filled in, not so.
 * @param image the kernel, or as much of it as has the setup header   @param initrdBytes null: no initrd
 * @returns each once and none that the image has; none at all where it is no Linux kernel with a setup header
 */
export function headerVariants(image: Uint8Array, initrdBytes: number | null): HeaderVariant[] {
  const bytes = image.subarray(SETUP_HEADER_AT, SETUP_HEADER_AT + sizeOf(SETUP_HEADER));
  if (bytes.length < sizeOf(SETUP_HEADER)) return [];
  const header = parseLayout(SETUP_HEADER, bytes, 'setup header of the kernel');
  if (header.header !== SETUP_HEADER_MAGIC) return [];
  const variant = (origin: HeaderVariant['origin'], what: string, changes: Partial<SetupHeader>): HeaderVariant => ({
    origin,
    what,
    header: serialiseLayout(SETUP_HEADER, { ...header, ...changes }, 'setup header of the kernel'),
  });
  const byQemu = { ...QEMU, loadFlags: header.loadFlags | CAN_USE_HEAP };
  const cleared = { typeOfLoader: 0, heapEndPtr: 0, cmdLinePtr: 0, ramdiskImage: 0, ramdiskSize: 0 };
  const variants = [
    variant('header-patched', 'header as QEMU fills it in', byQemu),
    variant('header-patched', 'loader type of QEMU', { typeOfLoader: QEMU.typeOfLoader }),
    ...(initrdBytes === null
      ? []
      : initrdAddresses(header, initrdBytes).map((ramdiskImage) =>
          variant('header-patched', `header as QEMU fills it in, initrd at 0x${ramdiskImage.toString(16)}`, {
            ...byQemu,
            ramdiskImage,
            ramdiskSize: initrdBytes,
          }),
        )),
    ...OTHER_LOADERS.map((typeOfLoader) =>
      variant('header-patched', `loader type 0x${typeOfLoader.toString(16)}`, { typeOfLoader }),
    ),
    variant('header-cleared', 'header as it is in the file', {
      ...cleared,
      loadFlags: header.loadFlags & ~CAN_USE_HEAP,
    }),
    variant('header-cleared', 'no loader type', { typeOfLoader: 0 }),
  ];
  const seen = new Set([latin1(bytes)]);
  return variants.filter(({ header: other }) => seen.size < seen.add(latin1(other)).size);
}
