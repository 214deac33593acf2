import { createHash } from 'node:crypto';
import { HarnessError } from '../errors.ts';
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

function* combinations(matrix: Matrix, axes: readonly Axis[]): Generator<Combination> {
  const [axis, ...rest] = axes;
  if (axis === undefined) {
    yield {} as Combination;
    return;
  }
  for (const tail of combinations(matrix, rest)) {
    for (const value of matrix.axes[axis]) yield { ...tail, [axis]: value };
  }
}

/** Axes whose values are numbers; on the others `10` and `0xa` are two names. */
const NUMERIC_AXES: readonly Axis[] = ['guestPolicy', 'guestFeatures', 'vcpus'];

/** On a numeric axis values that mean the same number are equal, however they are written. */
function sameValue(axis: Axis, left: string | number | null, right: string | number | null): boolean {
  if (left === right) return true;
  if (left === null || right === null || !NUMERIC_AXES.includes(axis)) return false;
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

/** The id names every axis on which the matrix has a choice, and the five that people look for first. */
function cellId(matrix: Matrix, cell: Omit<Cell, 'id'>): string {
  const parts: [Axis, string][] = [
    ['firmware', cell.firmware],
    ['kernel', cell.kernel ?? 'no-kernel'],
    ['initrd', `initrd-${cell.initrd ?? 'none'}`],
    ['append', `append-${appendName(cell.append)}`],
    ['guestPolicy', `policy-${hex(cell.guestPolicy)}`],
    ['guestFeatures', `features-${hex(cell.guestFeatures)}`],
    ['vcpus', `${cell.vcpus}-vcpu`],
    ['vcpuType', cell.vcpuType],
    ['qemu', `qemu-${cell.qemu}`],
  ];
  const optional: readonly Axis[] = ['initrd', 'append', 'qemu'];
  return parts
    .filter(([axis]) => !optional.includes(axis) || matrix.axes[axis].length > 1)
    .map(([, part]) => part)
    .join('/');
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

function toCell(matrix: Matrix, combination: Combination, where: string): Cell {
  const kernel = combination.kernel as string | null;
  const fields = {
    firmware: String(combination.firmware),
    kernel,
    // Without a kernel QEMU takes neither; combining them would repeat the same launch under other names.
    initrd: kernel === null ? null : (combination.initrd as string | null),
    append: kernel === null ? null : (combination.append as string | null),
    guestPolicy: BigInt(combination.guestPolicy ?? 0),
    guestFeatures: BigInt(combination.guestFeatures ?? 0),
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
  return { id: cellId(matrix, fields), ...fields };
}

/**
 * The cells of a matrix in a stable order, each with the reason why a host with these tags leaves it out, if it does.
 * @param where the file, for messages
 * @throws HarnessError MATRIX_INVALID, GUEST_FEATURES_INVALID
 */
export function planCells(matrix: Matrix, hostTags: readonly string[], where: string): PlannedCell[] {
  checkReferences(matrix, where);
  const size = AXES.reduce((product, axis) => product * matrix.axes[axis].length, 1);
  if (size > MAX_CELLS) {
    throw new HarnessError({ code: 'MATRIX_INVALID', what: `${size} combinations, more than ${MAX_CELLS}`, where });
  }
  const planned = new Map<string, PlannedCell>();
  for (const combination of combinations(matrix, [...AXES].reverse())) {
    const cell = toCell(matrix, combination, where);
    const rule = (matrix.exclude as Exclusion[]).find((candidate) => excludes(candidate, combination, hostTags));
    const known = planned.get(cell.id);
    if (known === undefined || known.excludedBecause !== undefined)
      planned.set(cell.id, { cell, excludedBecause: rule?.why });
  }
  return [...planned.values()];
}
