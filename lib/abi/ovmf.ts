import type { Field } from './layout.ts';

/**
 * Where the footer GUID of an OVMF image ends, in bytes before the end of the image: the last 32 bytes are the reset
 * vector. Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm.
 */
export const OVMF_FOOTER_FROM_END = 32;

/**
 * The trailer of one footer table entry, 18 bytes: the payload stands before it, the next entry before that. `length`
 * counts payload and trailer. The footer itself has the same form, its length that of the whole table.
 * Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm.
 */
export const OVMF_TABLE_ENTRY = [
  { name: 'length', at: 0, bytes: 2, type: 'u16le' },
  { name: 'guid', at: 2, bytes: 16, type: 'bytes' },
] as const satisfies readonly Field[];

/** GUIDs of the footer table. Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm. */
export const OVMF_GUIDS = {
  footer: '96b582de-1fb2-45f7-baea-a366c55a082d',
  sevEsResetBlock: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  sevHashesTable: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  sevMetadataOffset: 'dc886566-984a-4798-a75e-5585a7bf67cc',
  svsmInfo: 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd',
} as const;

/** Payload of the SEV-ES reset block: IP of the application processors in the low half, CS base in the high half. */
export const SEV_ES_RESET_BLOCK = [
  { name: 'resetVector', at: 0, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];

/** Payload that says where the table of kernel hashes is expected; 0, 0 in a build that has none. */
export const SEV_HASHES_AREA = [
  { name: 'base', at: 0, bytes: 4, type: 'u32le' },
  { name: 'size', at: 4, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];

/** Payload that says how far after its first byte an SVSM begins to run. Source: coconut-svsm/svsm, stage1/reset.S. */
export const SVSM_INFO = [{ name: 'entry', at: 0, bytes: 4, type: 'u32le' }] as const satisfies readonly Field[];

/** Payload that says how far before the end of the image the SEV metadata begins. */
export const SEV_METADATA_OFFSET = [
  { name: 'offset', at: 0, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];

/** Header of the SEV metadata, 16 bytes, then `count` descriptors. Source: edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm. */
export const SEV_METADATA_HEADER = [
  { name: 'signature', at: 0x0, bytes: 4, type: 'bytes' },
  { name: 'length', at: 0x4, bytes: 4, type: 'u32le' },
  { name: 'version', at: 0x8, bytes: 4, type: 'u32le' },
  { name: 'count', at: 0xc, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];

/** `ASEV` as it stands in the image. */
export const SEV_METADATA_SIGNATURE = Uint8Array.of(0x41, 0x53, 0x45, 0x56);

/** The only version of the SEV metadata there is. */
export const SEV_METADATA_VERSION = 1;

/** One section descriptor of the SEV metadata, 12 bytes. */
export const SEV_METADATA_SECTION = [
  { name: 'gpa', at: 0, bytes: 4, type: 'u32le' },
  { name: 'size', at: 4, bytes: 4, type: 'u32le' },
  { name: 'type', at: 8, bytes: 4, type: 'u32le' },
] as const satisfies readonly Field[];

/** Types of SEV metadata sections. Source: edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm. */
export const SEV_SECTION_TYPE = {
  SEC_MEM: 1,
  SECRETS: 2,
  CPUID: 3,
  SVSM_CAA: 4,
  KERNEL_HASHES: 0x10,
} as const;
export type SectionName = keyof typeof SEV_SECTION_TYPE;
