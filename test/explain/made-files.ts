import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serialiseLayout, sizeOf } from '../../lib/abi/layout.ts';
import { SETUP_HEADER, SETUP_HEADER_AT, SETUP_HEADER_MAGIC, type SetupHeader } from '../../lib/abi/linux-boot.ts';
import { AMDSEV_SECTIONS, firmwareImage, GUID, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';

/** Fields of the setup header that a made-up kernel has; all others are zero. */
const HEADER: SetupHeader = {
  ...(Object.fromEntries(SETUP_HEADER.map(({ name }) => [name, 0])) as SetupHeader),
  setupSects: 1,
  header: SETUP_HEADER_MAGIC,
  version: 0x20f,
  loadFlags: 1,
  initrdAddrMax: 0x7fff_ffff,
};

/** A kernel image that has a setup header, and nothing else that a kernel has. */
export function kernelImage(name: string, changes: Partial<SetupHeader> = {}): Uint8Array {
  const image = Buffer.alloc(4096, name);
  image.set(serialiseLayout(SETUP_HEADER, { ...HEADER, ...changes }, 'setup header'), SETUP_HEADER_AT);
  return image.subarray(0, Math.max(4096, SETUP_HEADER_AT + sizeOf(SETUP_HEADER)));
}

/** What QEMU writes into a setup header where it does not launch a confidential guest, as its source has it. */
export const FILLED_IN = { typeOfLoader: 0xb0, loadFlags: 0x81, heapEndPtr: 0xfe00, cmdLinePtr: 0x20000 } as const;

/** A flat image of an SVSM: memory, secrets and CPUID, and where it begins to run. */
export function svsmImage(): Uint8Array {
  return firmwareImage({
    bytes: 12288,
    entries: [
      ['a789a612-0597-4c4b-a49f-cbb1fe9d1ddd', u32(0x10)],
      [GUID.metadata, u32(METADATA_FROM_END)],
    ],
    sections: [
      [0, 0x3000, 1],
      [0x9e000, 0x1000, 2],
      [0x9f000, 0x1000, 3],
    ],
  });
}

/** Writes the files that the examples of docs/mismatch-causes.md name. */
export function writeExampleFiles(folder: string): void {
  const other = Buffer.from(firmwareImage({ sections: AMDSEV_SECTIONS.filter(([, , type]) => type !== 4) }));
  other.fill(0x91, 0, 64);
  const code = firmwareImage();
  const files: Record<string, Uint8Array> = {
    'OVMF.fd': firmwareImage(),
    'other.fd': other,
    'svsm.bin': svsmImage(),
    'older.fd': firmwareImage({ sections: [...AMDSEV_SECTIONS].sort(([left], [right]) => left - right) }),
    'split/unified.fd': Buffer.concat([Buffer.alloc(0x20000, 0xff), code]),
    'split/code/OVMF_CODE.fd': code,
    vmlinuz: kernelImage('new kernel'),
    'vmlinuz.old': kernelImage('old kernel'),
    'patched/vmlinuz': kernelImage('new kernel', FILLED_IN),
    'taken/vmlinuz': kernelImage('kernel out of a machine', FILLED_IN),
    'clear/vmlinuz': kernelImage('kernel out of a machine'),
    'initrd.img': Buffer.from('an initrd'),
    'rescue.img': Buffer.from('another initrd'),
  };
  for (const name of ['split/code', 'patched', 'taken', 'clear']) mkdirSync(join(folder, name), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}
