import type { Layout } from './layout.ts';

/** The fields of a structure that are not zero, by name: integers as 0x hex, bytes as hex digits in their order. */
export type FieldTexts = Readonly<Record<string, string>>;

/**
 * Writes down the fields that are not all zero, reserved ones too, in the order of the layout.
 * @param bytes at least the structure
 */
export function fieldTexts(layout: Layout, bytes: Uint8Array): FieldTexts {
  const texts = layout.flatMap(({ name, at, bytes: length, type }): [string, string][] => {
    const field = Buffer.from(bytes.subarray(at, at + length));
    if (field.every((byte) => byte === 0)) return [];
    if (type === 'bytes' || type === 'mbz') return [[name, field.toString('hex')]];
    return [[name, `0x${field.reverse().toString('hex').replace(/^0+/, '')}`]];
  });
  return Object.fromEntries(texts);
}

/** One field in which two structures differ; `0x0` stands for a field that is zero. */
export interface FieldTextDifference {
  name: string;
  left: string;
  right: string;
}

/** The fields in which two structures of one layout differ, in its order; names that it lacks come last. */
export function diffFieldTexts(layout: Layout, left: FieldTexts, right: FieldTexts): FieldTextDifference[] {
  const names = new Set([...layout.map(({ name }) => name), ...Object.keys(left), ...Object.keys(right)]);
  return [...names]
    .filter((name) => left[name] !== right[name])
    .map((name) => ({ name, left: left[name] ?? '0x0', right: right[name] ?? '0x0' }));
}
