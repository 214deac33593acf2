import {
  ELF_MACHINE_X86_64,
  ELF_SECTION_NOBITS,
  ELF_SEGMENT_INTERP,
  ELF_TYPE,
  ELF64_HEADER,
  ELF64_PROGRAM_HEADER,
  ELF64_SECTION_HEADER,
} from '../abi/elf.ts';
import { type Layout, type Parsed, parseLayout, sizeOf } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';

/** e_ident of a 64-bit little-endian file. Source: System V ABI, ELF Identification. */
const IDENT = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1);

/** A 64-bit ELF file for x86-64, as far as a guest's initrd has to know it. */
export interface Elf {
  kind: 'object' | 'program';
  /** Does it name a dynamic linker? */
  needsInterpreter: boolean;
  /** The bytes of the first section of a name; undefined where there is none. */
  section(name: string): Uint8Array | undefined;
}

function fault(what: string, where: string): HarnessError {
  return new HarnessError({ code: 'INITRD_INVALID', what, where });
}

/** So many rows of a table of the file. @throws HarnessError INITRD_INVALID when the file is shorter */
function table<const L extends Layout>(
  file: Uint8Array,
  layout: L,
  from: { at: bigint; count: number; size: number },
  where: string,
): Parsed<L>[] {
  const bytes = sizeOf(layout);
  if (from.count === 0) return [];
  if (from.size !== bytes || from.at + BigInt(from.count * bytes) > BigInt(file.length)) {
    throw fault('the ELF file is cut off or damaged: a table of its header lies outside of it', where);
  }
  const at = Number(from.at);
  return Array.from({ length: from.count }, (_, index) =>
    parseLayout(layout, file.subarray(at + index * bytes, at + (index + 1) * bytes), 'ELF table'),
  );
}

function textAt(names: Uint8Array, at: number): string {
  const end = names.indexOf(0, at);
  return Buffer.from(names.subarray(at, end < 0 ? names.length : end)).toString('latin1');
}

/**
 * Reads the headers of an ELF file.
 * @param where the file, for messages
 * @throws HarnessError INITRD_INVALID when it is no 64-bit ELF file for x86-64, or cut off
 * Source: System V ABI, chapter 4
 */
export function parseElf(file: Uint8Array, where: string): Elf {
  if (file.length < sizeOf(ELF64_HEADER) || IDENT.some((byte, at) => file[at] !== byte)) {
    throw fault('not a 64-bit ELF file', where);
  }
  const header = parseLayout(ELF64_HEADER, file.subarray(0, sizeOf(ELF64_HEADER)), 'ELF header');
  if (header.machine !== ELF_MACHINE_X86_64) {
    throw fault(`an ELF file for machine ${header.machine}, expected ${ELF_MACHINE_X86_64} (x86-64)`, where);
  }
  const segments = table(
    file,
    ELF64_PROGRAM_HEADER,
    { at: header.programHeadersAt, count: header.programHeaders, size: header.programHeaderSize },
    where,
  );
  const sections = table(
    file,
    ELF64_SECTION_HEADER,
    { at: header.sectionHeadersAt, count: header.sectionHeaders, size: header.sectionHeaderSize },
    where,
  );
  const contents = (row: (typeof sections)[number]): Uint8Array => {
    if (row.type === ELF_SECTION_NOBITS) return new Uint8Array();
    if (row.fileOffset + row.size > BigInt(file.length)) throw fault('the ELF file is cut off', where);
    return file.subarray(Number(row.fileOffset), Number(row.fileOffset + row.size));
  };
  return {
    kind: header.type === ELF_TYPE.REL ? 'object' : 'program',
    needsInterpreter: segments.some(({ type }) => type === ELF_SEGMENT_INTERP),
    section: (name) => {
      const names = sections[header.sectionNamesIndex];
      if (names === undefined) return undefined;
      const texts = contents(names);
      const found = sections.find(({ nameAt }) => textAt(texts, nameAt) === name);
      return found && contents(found);
    },
  };
}
