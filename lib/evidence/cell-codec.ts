import type { z } from 'zod';
import type { Cell } from '../matrix/cell.ts';
import type { cellSchema } from './schema.ts';

/** A cell as files have it. */
export type WrittenCell = z.infer<typeof cellSchema>;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** A cell as evidence keeps it. */
export function writeCell(cell: Cell): WrittenCell {
  return { ...cell, guestPolicy: hex(cell.guestPolicy), guestFeatures: hex(cell.guestFeatures) };
}

/** A cell read back. */
export function readCell(written: WrittenCell): Cell {
  return { ...written, guestPolicy: BigInt(written.guestPolicy), guestFeatures: BigInt(written.guestFeatures) };
}
