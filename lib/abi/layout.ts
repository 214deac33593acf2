import { HarnessError } from '../errors.ts';

/** How the bytes of a field are read. `mbz`: must be zero. All integers are little-endian. */
export type FieldType = 'u8' | 'u16le' | 'u32le' | 'u64le' | 'bytes' | 'mbz';

/** One row of a binary layout: the only place where its offset and length are written. */
export interface Field {
  readonly name: string;
  /** Byte offset in the structure. */
  readonly at: number;
  /** Byte length. */
  readonly bytes: number;
  readonly type: FieldType;
  /** The structure version that brought this field; in older versions its bytes must be zero. */
  readonly since?: number;
}

/** A binary structure as data: rows sorted, without gap or overlap. */
export type Layout = readonly Field[];

type Value<T extends FieldType> = T extends 'u64le' ? bigint : T extends 'bytes' ? Uint8Array : number;

/** The parsed form of a layout: number up to 32 bits, bigint for 64, Uint8Array copied out. */
export type Parsed<L extends Layout> = {
  [F in Exclude<L[number], { type: 'mbz' }> as F['name']]: Value<F['type']>;
};

/** The byte length of a whole structure. */
export function sizeOf(layout: Layout): number {
  const last = layout.at(-1);
  return last === undefined ? 0 : last.at + last.bytes;
}

/** The row of a name. @throws HarnessError INTERNAL for a name that the layout does not have. */
export function fieldOf<L extends Layout>(layout: L, name: L[number]['name']): Field {
  const field = layout.find((row) => row.name === name);
  if (field === undefined) throw new HarnessError({ code: 'INTERNAL', what: `no field ${name} in this layout` });
  return field;
}

function readField(view: DataView, field: Field): number | bigint | Uint8Array {
  switch (field.type) {
    case 'u8':
      return view.getUint8(field.at);
    case 'u16le':
      return view.getUint16(field.at, true);
    case 'u32le':
      return view.getUint32(field.at, true);
    case 'u64le':
      return view.getBigUint64(field.at, true);
    case 'bytes':
    case 'mbz':
      return new Uint8Array(view.buffer, view.byteOffset + field.at, field.bytes).slice();
  }
}

/** Hexadecimal text of an offset or value, as it appears in messages. */
function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function exactLength(layout: Layout, bytes: Uint8Array, what: string): void {
  if (bytes.length !== sizeOf(layout)) {
    throw new HarnessError({
      code: 'LAYOUT_LENGTH',
      what: `${what}: expected ${sizeOf(layout)} bytes, got ${bytes.length}`,
    });
  }
}

/** Names every must-be-zero row whose bytes are not all zero, with the first such offset. */
export function reservedViolations(layout: Layout, bytes: Uint8Array, version = Number.POSITIVE_INFINITY): string[] {
  return layout
    .filter((field) => field.type === 'mbz' || (field.since ?? 0) > version)
    .flatMap((field) => {
      const within = bytes.subarray(field.at, field.at + field.bytes).findIndex((byte) => byte !== 0);
      return within < 0 ? [] : [`${field.name} at offset ${hex(field.at + within)}`];
    });
}

/**
 * Reads a structure.
 * @param bytes exactly the structure, trailing bytes are an error   @param what the name used in messages
 * @param options.reserved `reject` (default) refuses nonzero must-be-zero bytes, `keep` lets them pass
 * @param options.version structure version, for layouts with `since` rows
 * @throws HarnessError LAYOUT_LENGTH, LAYOUT_RESERVED
 */
export function parseLayout<const L extends Layout>(
  layout: L,
  bytes: Uint8Array,
  what: string,
  options: { reserved?: 'reject' | 'keep'; version?: number } = {},
): Parsed<L> {
  exactLength(layout, bytes, what);
  if (options.reserved !== 'keep') {
    const violations = reservedViolations(layout, bytes, options.version);
    if (violations.length > 0) {
      throw new HarnessError({
        code: 'LAYOUT_RESERVED',
        what: `${what}: bytes that must be zero are set`,
        where: violations.join(', '),
      });
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows = layout.filter((field) => field.type !== 'mbz').map((field) => [field.name, readField(view, field)]);
  return Object.fromEntries(rows) as Parsed<L>;
}

/** Does an integer fit so many bytes? Numbers are compared as such: a VMSA has a hundred of them, and BigInt is slow. */
function fits(value: number | bigint, bytes: number): boolean {
  if (typeof value === 'bigint') return value >= 0n && value < 1n << BigInt(bytes * 8);
  return Number.isInteger(value) && value >= 0 && value < 2 ** (bytes * 8);
}

function writeField(view: DataView, field: Field, value: number | bigint | Uint8Array, what: string): void {
  const misfit = (detail: string): HarnessError =>
    new HarnessError({ code: 'LAYOUT_VALUE', what: `${what}.${field.name}: ${detail}` });
  if (field.type === 'bytes') {
    if (!(value instanceof Uint8Array) || value.length !== field.bytes) {
      throw misfit(`expected ${field.bytes} bytes, got ${value instanceof Uint8Array ? value.length : typeof value}`);
    }
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(value, field.at);
    return;
  }
  if (value instanceof Uint8Array) throw misfit('expected an integer, got bytes');
  if (!fits(value, field.bytes)) throw misfit(`${value} does not fit ${field.bytes} bytes`);
  switch (field.type) {
    case 'u8':
      view.setUint8(field.at, Number(value));
      return;
    case 'u16le':
      view.setUint16(field.at, Number(value), true);
      return;
    case 'u32le':
      view.setUint32(field.at, Number(value), true);
      return;
    case 'u64le':
      view.setBigUint64(field.at, BigInt(value), true);
  }
}

/** The rows of each layout by name, but for those that must be zero. */
const WRITABLE = new WeakMap<Layout, ReadonlyMap<string, Field>>();

function writableFields(layout: Layout): ReadonlyMap<string, Field> {
  const known = WRITABLE.get(layout);
  if (known !== undefined) return known;
  const fields = new Map(layout.filter(({ type }) => type !== 'mbz').map((field) => [field.name, field]));
  WRITABLE.set(layout, fields);
  return fields;
}

/**
 * Writes fields over those of a structure; fields not given stay.
 * @param base exactly the structure, which is left as it is   @returns exactly sizeOf(layout) bytes
 * @throws HarnessError LAYOUT_VALUE when a value does not fit its field
 */
export function overlayLayout<const L extends Layout>(
  layout: L,
  base: Uint8Array,
  values: Partial<Parsed<L>>,
  what: string,
): Uint8Array {
  const bytes = new Uint8Array(base);
  const view = new DataView(bytes.buffer);
  const fields = writableFields(layout);
  const given = values as Readonly<Record<string, number | bigint | Uint8Array | undefined>>;
  for (const [name, value] of Object.entries(given)) {
    const field = fields.get(name);
    if (field !== undefined && value !== undefined) writeField(view, field, value, what);
  }
  return bytes;
}

/**
 * Writes a structure; fields not given are zero.
 * @returns exactly sizeOf(layout) bytes   @throws HarnessError LAYOUT_VALUE when a value does not fit its field
 */
export function serialiseLayout<const L extends Layout>(
  layout: L,
  values: Partial<Parsed<L>>,
  what: string,
): Uint8Array {
  return overlayLayout(layout, new Uint8Array(sizeOf(layout)), values, what);
}

/** One field in which two structures differ, as lower-case hex of its bytes. */
export interface FieldDifference {
  name: string;
  at: number;
  left: string;
  right: string;
}

/** The fields, reserved ones too, in which two structures of one layout differ. @throws HarnessError LAYOUT_LENGTH */
export function diffLayout(layout: Layout, left: Uint8Array, right: Uint8Array, what: string): FieldDifference[] {
  exactLength(layout, left, what);
  exactLength(layout, right, what);
  const hexOf = (bytes: Uint8Array, field: Field): string =>
    Buffer.from(bytes.subarray(field.at, field.at + field.bytes)).toString('hex');
  return layout
    .map((field) => ({ name: field.name, at: field.at, left: hexOf(left, field), right: hexOf(right, field) }))
    .filter((field) => field.left !== field.right);
}
