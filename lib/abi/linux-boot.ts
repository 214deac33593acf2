import type { Field, Parsed } from './layout.ts';

/** Where the setup header begins in a Linux kernel image. Source: Linux, Documentation/arch/x86/boot.rst. */
export const SETUP_HEADER_AT = 0x1f1;

/**
 * The setup header of an x86 Linux kernel up to protocol 2.03, from SETUP_HEADER_AT on. Boot loaders fill in the loader's
 * type and the addresses of what they loaded. Source: Linux, Documentation/arch/x86/boot.rst.
 */
export const SETUP_HEADER = [
  { name: 'setupSects', at: 0x00, bytes: 1, type: 'u8' },
  { name: 'rootFlags', at: 0x01, bytes: 2, type: 'u16le' },
  { name: 'sysSize', at: 0x03, bytes: 4, type: 'u32le' },
  { name: 'ramSize', at: 0x07, bytes: 2, type: 'u16le' },
  { name: 'vidMode', at: 0x09, bytes: 2, type: 'u16le' },
  { name: 'rootDev', at: 0x0b, bytes: 2, type: 'u16le' },
  { name: 'bootFlag', at: 0x0d, bytes: 2, type: 'u16le' },
  { name: 'jump', at: 0x0f, bytes: 2, type: 'u16le' },
  { name: 'header', at: 0x11, bytes: 4, type: 'u32le' },
  { name: 'version', at: 0x15, bytes: 2, type: 'u16le' },
  { name: 'realmodeSwtch', at: 0x17, bytes: 4, type: 'u32le' },
  { name: 'startSysSeg', at: 0x1b, bytes: 2, type: 'u16le' },
  { name: 'kernelVersion', at: 0x1d, bytes: 2, type: 'u16le' },
  { name: 'typeOfLoader', at: 0x1f, bytes: 1, type: 'u8' },
  { name: 'loadFlags', at: 0x20, bytes: 1, type: 'u8' },
  { name: 'setupMoveSize', at: 0x21, bytes: 2, type: 'u16le' },
  { name: 'code32Start', at: 0x23, bytes: 4, type: 'u32le' },
  { name: 'ramdiskImage', at: 0x27, bytes: 4, type: 'u32le' },
  { name: 'ramdiskSize', at: 0x2b, bytes: 4, type: 'u32le' },
  { name: 'bootsectKludge', at: 0x2f, bytes: 4, type: 'u32le' },
  { name: 'heapEndPtr', at: 0x33, bytes: 2, type: 'u16le' },
  { name: 'extLoaderVer', at: 0x35, bytes: 1, type: 'u8' },
  { name: 'extLoaderType', at: 0x36, bytes: 1, type: 'u8' },
  { name: 'cmdLinePtr', at: 0x37, bytes: 4, type: 'u32le' },
  { name: 'initrdAddrMax', at: 0x3b, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];
export type SetupHeader = Parsed<typeof SETUP_HEADER>;

/** `HdrS`, which says that there is a setup header. Source: Linux, Documentation/arch/x86/boot.rst. */
export const SETUP_HEADER_MAGIC = 0x5372_6448;

/** CAN_USE_HEAP of loadFlags. Source: Linux, Documentation/arch/x86/boot.rst. */
export const CAN_USE_HEAP = 0x80;
