import type { Field, Parsed } from './layout.ts';

/** Entries that a CPUID page has room for in use. Source: AMD 56860, CPUID page: COUNT is at most 64. */
export const CPUID_PAGE_ENTRIES_MAX = 64;

/** The head of a CPUID page, 16 bytes. Source: AMD 56860, SNP_LAUNCH_UPDATE, CPUID page. */
export const CPUID_PAGE_HEADER = [
  { name: 'count', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'reserved04', at: 0x04, bytes: 12, type: 'mbz' },
] as const satisfies readonly Field[];

/** CPUID_FUNCTION, 48 bytes; the entries follow the head. Source: AMD 56860, CPUID_FUNCTION structure. */
export const CPUID_FUNCTION = [
  { name: 'eaxIn', at: 0x00, bytes: 4, type: 'u32le' },
  { name: 'ecxIn', at: 0x04, bytes: 4, type: 'u32le' },
  { name: 'xcr0In', at: 0x08, bytes: 8, type: 'u64le' },
  { name: 'xssIn', at: 0x10, bytes: 8, type: 'u64le' },
  { name: 'eax', at: 0x18, bytes: 4, type: 'u32le' },
  { name: 'ebx', at: 0x1c, bytes: 4, type: 'u32le' },
  { name: 'ecx', at: 0x20, bytes: 4, type: 'u32le' },
  { name: 'edx', at: 0x24, bytes: 4, type: 'u32le' },
  { name: 'reserved28', at: 0x28, bytes: 8, type: 'mbz' },
] as const satisfies readonly Field[];
export type CpuidFunction = Parsed<typeof CPUID_FUNCTION>;
