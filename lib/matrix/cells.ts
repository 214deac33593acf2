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

type Combination = Record<Axis, string | number | null>;

/** How many combinations the axes of a matrix have. */
function combinationCount(matrix: Matrix): number {
  return AXES.reduce((product, axis) => product * matrix.axes[axis].length, 1);
}

/** All combinations of the axes, the last axis changing fastest. */
function* combinations(matrix: Matrix): Generator<Combination> {
  const fastestFirst = [...AXES].reverse().map((axis) => [axis, matrix.axes[axis]] as const);
  const count = combinationCount(matrix);
  for (let index = 0; index < count; index += 1) {
    const combination = {} as Combination;
    let rest = index;
    for (const [axis, values] of fastestFirst) {
      combination[axis] = values[rest % values.length] ?? null;
      rest = Math.floor(rest / values.length);
    }
    yield combination;
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

/** On a numeric axis values that mean the same number are equal, however they are written. */
function sameValue(axis: Axis, left: string | number | null, right: string | number | null): boolean {
  if (left === right) return true;
  if (left === null || right === null || !NUMERIC_AXES.includes(axis)) return false;
  if (axis === 'guestFeatures') return featuresOf(left) === featuresOf(right);
  const number = /^(0x[0-9a-f]+|[0-9]+)$/i;
  return number.test(String(left)) && number.test(String(right)) && BigInt(left) === BigInt(right);
}

function excludes(rule: Exclusion, combination: Combination, hostTags: readonly string[]): boolean {
  if (rule.hostTags !== undefined && !rule.hostTags.some((tag) => hostTags.includes(tag))) return false;
  return AXES.every((axis) => {
    const wanted = rule[axis];
    if (wanted === undefined) return true;
    return (Array.isArray(wanted) ? wanted : [wanted]).some((value) => sameValue(axis, value, combination[axis]));
  });
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** A short name of a command line. It follows from the text: published digests are looked up by id, in any order of the axis. */
function appendName(append: string | null): string {
  return append === null ? 'none' : createHash('sha256').update(append).digest('hex').slice(0, 8);
}

/** What the id calls the value of each axis. */
const NAME_ON_AXIS: Readonly<Record<Axis, (cell: Omit<Cell, 'id'>) => string>> = {
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

function toCell(matrix: Matrix, named: readonly Axis[], combination: Combination, where: string): Cell {
  const kernel = combination.kernel as string | null;
  const fields = {
    firmware: String(combination.firmware),
    kernel,
    // Without a kernel QEMU takes neither; combining them would repeat the same launch under other names.
    initrd: kernel === null ? null : (combination.initrd as string | null),
    append: kernel === null ? null : (combination.append as string | null),
    guestPolicy: BigInt(combination.guestPolicy ?? 0),
    guestFeatures: readGuestFeatures(String(combination.guestFeatures ?? 0)),
    vcpus: Number(combination.vcpus),
    vcpuType: String(combination.vcpuType),
    qemu: String(combination.qemu),
  };
  if ((fields.guestFeatures & 1n) === 0n) {
    const swapped = (fields.guestFeatures & GUEST_POLICY_SHAPE) !== 0n;
    throw new HarnessError({
      code: 'GUEST_FEATURES_INVALID',
      what: `axes.guestFeatures has ${hex(fields.guestFeatures)}, which lacks SNPActive (bit 0)`,
      where,
      hint: swapped
        ? 'this looks like a guest policy; policy (guestPolicy, 0x30000) and features (guestFeatures, 0x1 or 0x21) are different things'
        : 'an SNP guest has 0x1, or 0x21 where the host kernel turns DebugSwap on',
    });
  }
  if (!matrix.allowReservedFeatures) {
    const reserved = reservedFeatures(fields.guestFeatures);
    if (reserved.length > 0) {
      throw new HarnessError({
        code: 'GUEST_FEATURES_INVALID',
        what: `axes.guestFeatures has ${hex(fields.guestFeatures)}: ${reserved.join(', ')} ${reserved.length === 1 ? 'is' : 'are'} reserved`,
        where,
        hint: 'no processor defines them; "allowReservedFeatures": true launches with them all the same',
      });
    }
  }
  const policyTrouble =
    (fields.guestPolicy & POLICY_RESERVED_ONE) === 0n ? 'lacks bit 17, which must be one' : undefined;
  if (policyTrouble !== undefined) {
    throw new HarnessError({
      code: 'GUEST_POLICY_INVALID',
      what: `axes.guestPolicy has ${hex(fields.guestPolicy)}, which ${policyTrouble}`,
      where,
      hint:
        fields.guestPolicy < 0x10000n
          ? 'this looks like guest features (guestFeatures, 0x1 or 0x21); the usual guest policy is 0x30000'
          : 'the usual guest policy is 0x30000, with debugging 0xb0000',
    });
  }
  return { id: named.map((axis) => NAME_ON_AXIS[axis](fields)).join('/'), ...fields };
}

/**
 * The cells of a matrix in a stable order, each with the reason why a host with these tags leaves it out, if it does.
 * @param where the file, for messages
 * @throws HarnessError MATRIX_INVALID, GUEST_FEATURES_INVALID
 */
export function planCells(matrix: Matrix, hostTags: readonly string[], where: string): PlannedCell[] {
  checkReferences(matrix, where);
  const size = combinationCount(matrix);
  const named = namedAxes(matrix);
  if (size > MAX_CELLS) {
    throw new HarnessError({ code: 'MATRIX_INVALID', what: `${size} combinations, more than ${MAX_CELLS}`, where });
  }
  const planned = new Map<string, PlannedCell>();
  for (const combination of combinations(matrix)) {
    const cell = toCell(matrix, named, combination, where);
    const rule = (matrix.exclude as Exclusion[]).find((candidate) => excludes(candidate, combination, hostTags));
    const known = planned.get(cell.id);
    if (known === undefined || known.excludedBecause !== undefined)
      planned.set(cell.id, { cell, excludedBecause: rule?.why });
  }
  return [...planned.values()];
}
