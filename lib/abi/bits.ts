/** One named bit of a field. */
export interface NamedBit {
  readonly bit: number;
  /** The specification's name. */
  readonly name: string;
  /** What the bit says when it is set. */
  readonly meaning: string;
}

/** A field of bits taken apart. */
export interface SplitBits<N extends string> {
  /** The named bits that are set, lowest first. */
  names: N[];
  /** Set bits without a name, in place; 0n where there are none. */
  unknown: bigint;
}

/** The mask of the bits of a table, or of those with these names. */
export function maskOf<T extends readonly NamedBit[]>(table: T, names?: readonly T[number]['name'][]): bigint {
  return table
    .filter(({ name }) => names === undefined || names.includes(name))
    .reduce((mask, { bit }) => mask | (1n << BigInt(bit)), 0n);
}

/** Takes a field of bits apart by its table; bits that have no row stay visible. */
export function splitBits<T extends readonly NamedBit[]>(table: T, value: bigint): SplitBits<T[number]['name']> {
  return {
    names: table.filter(({ bit }) => ((value >> BigInt(bit)) & 1n) === 1n).map(({ name }) => name),
    unknown: value & ~maskOf(table),
  };
}
