import type { Field } from './layout.ts';

/** The header of a 64-bit ELF file; `ident` is e_ident. Source: System V ABI, Elf64_Ehdr. */
export const ELF64_HEADER = [
  { name: 'ident', at: 0x00, bytes: 16, type: 'bytes' },
  { name: 'type', at: 0x10, bytes: 2, type: 'u16le' },
  { name: 'machine', at: 0x12, bytes: 2, type: 'u16le' },
  { name: 'version', at: 0x14, bytes: 4, type: 'u32le' },
  { name: 'entry', at: 0x18, bytes: 8, type: 'u64le' },
  { name: 'programHeadersAt', at: 0x20, bytes: 8, type: 'u64le' },
  { name: 'sectionHeadersAt', at: 0x28, bytes: 8, type: 'u64le' },
  { name: 'flags', at: 0x30, bytes: 4, type: 'u32le' },
  { name: 'headerSize', at: 0x34, bytes: 2, type: 'u16le' },
  { name: 'programHeaderSize', at: 0x36, bytes: 2, type: 'u16le' },
  { name: 'programHeaders', at: 0x38, bytes: 2, type: 'u16le' },
  { name: 'sectionHeaderSize', at: 0x3a, bytes: 2, type: 'u16le' },
  { name: 'sectionHeaders', at: 0x3c, bytes: 2, type: 'u16le' },
  { name: 'sectionNamesIndex', at: 0x3e, bytes: 2, type: 'u16le' },
] as const satisfies readonly Field[];

/** One segment. Source: System V ABI, Elf64_Phdr. */
export const ELF64_PROGRAM_HEADER = [
  { name: 'type', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'flags', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'fileOffset', at: 0x08, bytes: 8, type: 'u64le' },
  { name: 'virtualAddress', at: 0x10, bytes: 8, type: 'u64le' },
  { name: 'physicalAddress', at: 0x18, bytes: 8, type: 'u64le' },
  { name: 'fileSize', at: 0x20, bytes: 8, type: 'u64le' },
  { name: 'memorySize', at: 0x28, bytes: 8, type: 'u64le' },
  { name: 'align', at: 0x30, bytes: 8, type: 'u64le' },
] as const satisfies readonly Field[];

/** One section; `nameAt` is an offset in the section of names. Source: System V ABI, Elf64_Shdr. */
export const ELF64_SECTION_HEADER = [
  { name: 'nameAt', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'type', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'flags', at: 0x08, bytes: 8, type: 'u64le' },
  { name: 'address', at: 0x10, bytes: 8, type: 'u64le' },
  { name: 'fileOffset', at: 0x18, bytes: 8, type: 'u64le' },
  { name: 'size', at: 0x20, bytes: 8, type: 'u64le' },
  { name: 'link', at: 0x28, bytes: 4, type: 'u32le' },
  { name: 'info', at: 0x2c, bytes: 4, type: 'u32le' },
  { name: 'align', at: 0x30, bytes: 8, type: 'u64le' },
  { name: 'entrySize', at: 0x38, bytes: 8, type: 'u64le' },
] as const satisfies readonly Field[];

/** e_type of relocatable objects (kernel modules), programs, and position-independent programs. Source: System V ABI. */
export const ELF_TYPE = { REL: 1, EXEC: 2, DYN: 3 } as const;

/** e_machine of x86-64. Source: System V ABI, AMD64 supplement. */
export const ELF_MACHINE_X86_64 = 62;

/** p_type of the segment that names the dynamic linker; a static program has none. Source: System V ABI. */
export const ELF_SEGMENT_INTERP = 3;

/** sh_type of a section that has no bytes in the file. Source: System V ABI. */
export const ELF_SECTION_NOBITS = 8;
