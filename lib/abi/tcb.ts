import type { Field, Layout } from './layout.ts';

/** The components of a TCB_VERSION, each a security patch level (SPL). */
export type TcbComponent = 'fmc' | 'bootLoader' | 'tee' | 'snp' | 'microcode';

/** TCB_VERSION of family 0x19: Milan, Genoa, Bergamo, Siena. Source: AMD 56860, TCB_VERSION structure. */
const TCB_FAMILY_19 = [
  { name: 'bootLoader', at: 0, bytes: 1, type: 'u8' },
  { name: 'tee', at: 1, bytes: 1, type: 'u8' },
  { name: 'reserved2', at: 2, bytes: 4, type: 'mbz' },
  { name: 'snp', at: 6, bytes: 1, type: 'u8' },
  { name: 'microcode', at: 7, bytes: 1, type: 'u8' },
] as const satisfies Layout;

/** TCB_VERSION of family 0x1A: Turin and later. Source: AMD 56860, TCB_VERSION structure. */
const TCB_FAMILY_1A = [
  { name: 'fmc', at: 0, bytes: 1, type: 'u8' },
  { name: 'bootLoader', at: 1, bytes: 1, type: 'u8' },
  { name: 'tee', at: 2, bytes: 1, type: 'u8' },
  { name: 'snp', at: 3, bytes: 1, type: 'u8' },
  { name: 'reserved4', at: 4, bytes: 3, type: 'mbz' },
  { name: 'microcode', at: 7, bytes: 1, type: 'u8' },
] as const satisfies Layout;

/** The layouts of TCB_VERSION; which one a report has follows the CPU family, not its version. */
export const TCB_LAYOUTS = { family19: TCB_FAMILY_19, family1a: TCB_FAMILY_1A } as const;
export type TcbLayoutName = keyof typeof TCB_LAYOUTS;

/** Security patch levels by component; a component that the layout does not have is absent. */
export type TcbVersion = Partial<Record<TcbComponent, number>>;

/** The rows of a layout that are components, in the order of their bytes. */
export function tcbComponents(layout: TcbLayoutName): readonly { name: TcbComponent; at: number }[] {
  return TCB_LAYOUTS[layout].flatMap((row) => (row.type === 'mbz' ? [] : [row]));
}

const byteAt = (tcb: bigint, at: number): number => Number((tcb >> BigInt(8 * at)) & 0xffn);

/** Takes a TCB_VERSION apart. @param tcb the 64-bit field, read little-endian */
export function splitTcb(tcb: bigint, layout: TcbLayoutName): TcbVersion {
  return Object.fromEntries(tcbComponents(layout).map(({ name, at }) => [name, byteAt(tcb, at)]));
}

/** Puts a TCB_VERSION together; components that are absent are 0. */
export function joinTcb(version: TcbVersion, layout: TcbLayoutName): bigint {
  return tcbComponents(layout).reduce((tcb, { name, at }) => tcb | (BigInt(version[name] ?? 0) << BigInt(8 * at)), 0n);
}

/** The reserved bytes of a TCB_VERSION that are set, in place; 0n where there are none. */
export function tcbReserved(tcb: bigint, layout: TcbLayoutName): bigint {
  const reserved = TCB_LAYOUTS[layout].filter((row: Field) => row.type === 'mbz');
  const mask = reserved.reduce(
    (bits, { at, bytes }) => bits | (((1n << BigInt(8 * bytes)) - 1n) << BigInt(8 * at)),
    0n,
  );
  return tcb & mask;
}
