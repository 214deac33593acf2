import { guidBytes } from './guid.ts';
import { type Field, serialiseLayout } from './layout.ts';

/** One entry of the table, 50 bytes. Source: QEMU, target/i386/sev.c, SevHashTableEntry. */
function entry<const N extends string>(name: N, at: number) {
  return [
    { name: `${name}.guid`, at, bytes: 16, type: 'bytes' },
    { name: `${name}.length`, at: at + 16, bytes: 2, type: 'u16le' },
    { name: `${name}.sha256`, at: at + 18, bytes: 32, type: 'bytes' },
  ] as const;
}

/**
 * The table of kernel hashes that QEMU puts into guest memory: 168 bytes, padded to a multiple of 16.
 * Source: QEMU, target/i386/sev.c, PaddedSevHashTable.
 */
export const KERNEL_HASHES_TABLE = [
  { name: 'guid', at: 0x00, bytes: 16, type: 'bytes' },
  { name: 'length', at: 0x10, bytes: 2, type: 'u16le' },
  ...entry('cmdline', 0x12),
  ...entry('initrd', 0x44),
  ...entry('kernel', 0x76),
  { name: 'padding', at: 0xa8, bytes: 8, type: 'mbz' },
] as const satisfies readonly Field[];

/** What `length` says of the whole table (without padding) and of one entry. Source: QEMU, target/i386/sev.c. */
const TABLE_LENGTH = 0xa8;
const ENTRY_LENGTH = 0x32;

/** GUIDs of the table. Source: QEMU, target/i386/sev.c; edk2, OvmfPkg/Include/Guid/ConfidentialComputingSevHashes. */
const KERNEL_HASHES_GUIDS = {
  table: '9438d606-4f22-4cc9-b479-a793d411fd21',
  cmdline: '97d02dd8-bd20-4c94-aa78-e7714d36ab2a',
  initrd: '44baf731-3a2f-4bd7-9af1-41e29169781d',
  kernel: '4de79437-abd2-427f-b835-d5b172d2045b',
} as const;

/**
 * The table of kernel hashes.
 * @param sha256 32 bytes each   @returns 176 bytes   @throws HarnessError LAYOUT_VALUE for a hash of another length
 */
export function kernelHashesTable(sha256: { kernel: Uint8Array; initrd: Uint8Array; cmdline: Uint8Array }): Uint8Array {
  return serialiseLayout(
    KERNEL_HASHES_TABLE,
    {
      guid: guidBytes(KERNEL_HASHES_GUIDS.table),
      length: TABLE_LENGTH,
      'cmdline.guid': guidBytes(KERNEL_HASHES_GUIDS.cmdline),
      'cmdline.length': ENTRY_LENGTH,
      'cmdline.sha256': sha256.cmdline,
      'initrd.guid': guidBytes(KERNEL_HASHES_GUIDS.initrd),
      'initrd.length': ENTRY_LENGTH,
      'initrd.sha256': sha256.initrd,
      'kernel.guid': guidBytes(KERNEL_HASHES_GUIDS.kernel),
      'kernel.length': ENTRY_LENGTH,
      'kernel.sha256': sha256.kernel,
    },
    'kernel hashes table',
  );
}
