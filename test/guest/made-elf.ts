import { ELF64_HEADER, ELF64_PROGRAM_HEADER, ELF64_SECTION_HEADER } from '../../lib/abi/elf.ts';
import { serialiseLayout, sizeOf } from '../../lib/abi/layout.ts';

/** What a made ELF file is. */
export interface MadeElf {
  /** e_type; default 1, an object. */
  type?: number;
  machine?: number;
  /** p_type of each segment. */
  segments?: readonly number[];
  sections?: Readonly<Record<string, Uint8Array>>;
  /** Bytes at the end that no header speaks of. */
  tail?: Uint8Array;
}

const HEADER = sizeOf(ELF64_HEADER);
const SEGMENT = sizeOf(ELF64_PROGRAM_HEADER);
const SECTION = sizeOf(ELF64_SECTION_HEADER);

/** A small ELF file: header, segments, contents of the sections, table of the sections. */
export function madeElf({ type = 1, machine = 62, segments = [], sections = {}, tail }: MadeElf): Uint8Array {
  const names = Buffer.from(['', ...Object.keys(sections), '.shstrtab', ''].join('\0'), 'latin1');
  const contents = [...Object.values(sections), names];
  let at = HEADER + segments.length * SEGMENT;
  const rows = [...Object.keys(sections), '.shstrtab'].map((name, index) => {
    const size = contents[index]?.length ?? 0;
    const row = { nameAt: names.indexOf(`\0${name}\0`) + 1, type: 1, fileOffset: BigInt(at), size: BigInt(size) };
    at += size;
    return serialiseLayout(ELF64_SECTION_HEADER, row, 'section');
  });
  const header = serialiseLayout(
    ELF64_HEADER,
    {
      ident: Uint8Array.from([0x7f, ...Buffer.from('ELF'), 2, 1, 1, ...new Uint8Array(9)]),
      ...{ type, machine, version: 1, headerSize: HEADER },
      ...{ programHeadersAt: BigInt(HEADER), programHeaderSize: SEGMENT, programHeaders: segments.length },
      ...{ sectionHeadersAt: BigInt(at), sectionHeaderSize: SECTION, sectionHeaders: rows.length + 1 },
      sectionNamesIndex: rows.length,
    },
    'header',
  );
  const table = segments.map((kind) => serialiseLayout(ELF64_PROGRAM_HEADER, { type: kind }, 'segment'));
  const none = new Uint8Array(SECTION);
  return Uint8Array.from(Buffer.concat([header, ...table, ...contents, none, ...rows, tail ?? new Uint8Array()]));
}

/** A kernel module that needs others. */
export function madeModule(name: string, depends: readonly string[] = []): Uint8Array {
  const modinfo = ['license=GPL', `depends=${depends.join(',')}`, `name=${name}`, ''].join('\0');
  return madeElf({
    sections: { '.text': Buffer.from(name), '.modinfo': Buffer.from(modinfo) },
    tail: Buffer.from('~Module signature appended~\n'),
  });
}
