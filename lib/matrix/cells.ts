import { createHash } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import { readGuestFeatures, reservedFeatures } from '../measure/guest-features.ts';
import { AXES, type Axis, type Cell } from './cell.ts';
import type { Exclusion, Matrix } from './matrix-file.ts';

/** A cell, and why a host does not run it where it does not. */
export interface PlannedCell {
  cell: Cell;
  /** undefined: it runs. */
  excludedBecause: string | undefined;
}

/** More than this is a mistake in the file: nobody launches a million guests. */
const MAX_CELLS = 100_000;
const GUEST_POLICY_SHAPE = 0x20000n;

const POLICY_RESERVED_ONE = 1n << 17n;

/** One value of each axis, as cells have them. */
type Combination = Omit<Cell, 'id'>;

/** How many combinations the axes of a matrix have. */
function combinationCount(matrix: Matrix): number {
  return AXES.reduce((product, axis) => product * matrix.axes[axis].length, 1);
}

/** All combinations of the axes, the last axis changing fastest. */
function* combinations(matrix: Matrix, where: string): Generator<Combination> {
  const values = valuesOf(matrix, where);
  const fastestFirst = [...AXES].reverse().map((axis) => [axis, values[axis]] as const);
  const count = combinationCount(matrix);
  for (let index = 0; index < count; index += 1) {
    const combination: Partial<Record<Axis, unknown>> = {};
    let rest = index;
    for (const [axis, choices] of fastestFirst) {
      combination[axis] = choices[rest % choices.length];
      rest = Math.floor(rest / choices.length);
    }
    yield combination as Combination;
  }
}

/** Axes whose values are numbers; on the others `10` and `0xa` are two names. */
const NUMERIC_AXES: readonly Axis[] = ['guestPolicy', 'guestFeatures', 'vcpus'];

/** Guest features as a number; undefined for what a rule names that is neither a number nor names of features. */
function featuresOf(value: string | number): bigint | undefined {
  try {
    return readGuestFeatures(String(value));
  } catch (thrown) {
    if (thrown instanceof HarnessError) return undefined;
    throw thrown;
  }
}

/** Is the value of a cell the one that a rule names? On a numeric axis it may be written in any way. */
function isNamed(axis: Axis, named: string | number | null, value: Combination[Axis]): boolean {
  if (named === value) return true;
  if (named === null || value === null || !NUMERIC_AXES.includes(axis)) return false;
  if (axis === 'guestFeatures') return featuresOf(named) === value;
  return /^(0x[0-9a-f]+|[0-9]+)$/i.test(String(named)) && BigInt(named) === BigInt(value);
}

function excludes(rule: Exclusion, combination: Combination, hostTags: readonly string[]): boolean {
  if (rule.hostTags !== undefined && !rule.hostTags.some((tag) => hostTags.includes(tag))) return false;
  return AXES.every((axis) => {
    const wanted = rule[axis];
    if (wanted === undefined) return true;
    return (Array.isArray(wanted) ? wanted : [wanted]).some((named) => isNamed(axis, named, combination[axis]));
  });
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** A short name of a command line. It follows from the text: published digests are looked up by id, in any order of the axis. */
function appendName(append: string | null): string {
  return append === null ? 'none' : createHash('sha256').update(append).digest('hex').slice(0, 8);
}

/** What the id calls the value of each axis. */
const NAME_ON_AXIS: Readonly<Record<Axis, (cell: Combination) => string>> = {
  firmware: ({ firmware }) => firmware,
  kernel: ({ kernel }) => kernel ?? 'no-kernel',
  initrd: ({ initrd }) => `initrd-${initrd ?? 'none'}`,
  append: ({ append }) => `append-${appendName(append)}`,
  guestPolicy: ({ guestPolicy }) => `policy-${hex(guestPolicy)}`,
  guestFeatures: ({ guestFeatures }) => `features-${hex(guestFeatures)}`,
  vcpus: ({ vcpus }) => `${vcpus}-vcpu`,
  vcpuType: ({ vcpuType }) => vcpuType,
  qemu: ({ qemu }) => `qemu-${qemu}`,
};

const NAMED_BY_CHOICE: readonly Axis[] = ['initrd', 'append', 'qemu'];

/** The axes that ids name: those on which the matrix has a choice, and the six that people look for first. */
function namedAxes(matrix: Matrix): Axis[] {
  return AXES.filter((axis) => !NAMED_BY_CHOICE.includes(axis) || matrix.axes[axis].length > 1);
}

function checkReferences(matrix: Matrix, where: string): void {
  for (const axis of ['firmware', 'kernel', 'initrd'] as const) {
    for (const value of matrix.axes[axis]) {
      if (value !== null && !Object.hasOwn(matrix.artifacts[axis], value)) {
        throw new HarnessError({
          code: 'MATRIX_INVALID',
          what: `axes.${axis} names "${value}", which artifacts.${axis} does not have`,
          where,
          hint: `known there: ${Object.keys(matrix.artifacts[axis]).join(', ') || 'none'}`,
        });
      }
    }
  }
}

/** Features of the axis. @throws HarnessError GUEST_FEATURES_INVALID for those that no SNP guest has */
function readFeatures(written: string | number, { allowReservedFeatures }: Matrix, where: string): bigint {
  const features = readGuestFeatures(String(written));
  const refused = (what: string, hint: string): HarnessError =>
    new HarnessError({
      code: 'GUEST_FEATURES_INVALID',
      what: `axes.guestFeatures has ${hex(features)}${what}`,
      where,
      hint,
    });
  if ((features & 1n) === 0n) {
    throw refused(
      ', which lacks SNPActive (bit 0)',
      (features & GUEST_POLICY_SHAPE) !== 0n
        ? 'this looks like a guest policy; policy (guestPolicy, 0x30000) and features (guestFeatures, 0x1 or 0x21) are different things'
        : 'an SNP guest has 0x1, or 0x21 where the host kernel turns DebugSwap on',
    );
  }
  const reserved = allowReservedFeatures ? [] : reservedFeatures(features);
  if (reserved.length === 0) return features;
  throw refused(
    `: ${reserved.join(', ')} ${reserved.length === 1 ? 'is' : 'are'} reserved`,
    'no processor defines them; "allowReservedFeatures": true launches with them all the same',
  );
}

/** A policy of the axis. @throws HarnessError GUEST_POLICY_INVALID for one that no firmware takes */
function readPolicy(written: string | number, where: string): bigint {
  const guestPolicy = BigInt(written);
  if ((guestPolicy & POLICY_RESERVED_ONE) !== 0n) return guestPolicy;
  throw new HarnessError({
    code: 'GUEST_POLICY_INVALID',
    what: `axes.guestPolicy has ${hex(guestPolicy)}, which lacks bit 17, which must be one`,
    where,
    hint:
      guestPolicy < 0x10000n
        ? 'this looks like guest features (guestFeatures, 0x1 or 0x21); the usual guest policy is 0x30000'
        : 'the usual guest policy is 0x30000, with debugging 0xb0000',
  });
}

/** The values of the axes, each read and checked once: ten thousand cells have five features between them. */
function valuesOf(matrix: Matrix, where: string): { [A in Axis]: readonly Combination[A][] } {
  return {
    ...matrix.axes,
    guestFeatures: matrix.axes.guestFeatures.map((written) => readFeatures(written, matrix, where)),
    guestPolicy: matrix.axes.guestPolicy.map((written) => readPolicy(written, where)),
  };
}

/** Without a kernel QEMU takes neither initrd nor command line: with them it would be the same launch under other names. */
function toCell(named: readonly Axis[], combination: Combination): Cell {
  const fields = combination.kernel === null ? { ...combination, initrd: null, append: null } : combination;
  return { id: named.map((axis) => NAME_ON_AXIS[axis](fields)).join('/'), ...fields };
}

/**
 * The cells of a matrix in a stable order, each with the reason why a host with these tags leaves it out, if it does.
 * @param where the file, for messages
 * @throws HarnessError MATRIX_INVALID, GUEST_FEATURES_INVALID, GUEST_POLICY_INVALID
 */
export function planCells(matrix: Matrix, hostTags: readonly string[], where: string): PlannedCell[] {
  checkReferences(matrix, where);
  const size = combinationCount(matrix);
  const named = namedAxes(matrix);
  if (size > MAX_CELLS) {
    throw new HarnessError({ code: 'MATRIX_INVALID', what: `${size} combinations, more than ${MAX_CELLS}`, where });
  }
  const planned = new Map<string, PlannedCell>();
  for (const combination of combinations(matrix, where)) {
    const cell = toCell(named, combination);
    const rule = (matrix.exclude as Exclusion[]).find((candidate) => excludes(candidate, combination, hostTags));
    const known = planned.get(cell.id);
    if (known === undefined || known.excludedBecause !== undefined)
      planned.set(cell.id, { cell, excludedBecause: rule?.why });
  }
  return [...planned.values()];
}
