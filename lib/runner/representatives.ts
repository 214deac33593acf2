import { DEFAULT_GUEST_POLICY } from '../identity/guest-policy.ts';
import type { Cell } from '../matrix/cell.ts';

/** Less is better: the usual policy, a kernel whose guest can speak, few vCPUs. */
const rank = ({ guestPolicy, kernel, vcpus }: Cell): readonly number[] => [
  guestPolicy === DEFAULT_GUEST_POLICY ? 0 : 1,
  kernel === null ? 1 : 0,
  vcpus,
];

function isBetter(one: Cell, other: Cell): boolean {
  const [left, right] = [rank(one), rank(other)];
  const place = left.findIndex((value, index) => value !== right[index]);
  return place >= 0 && (left[place] ?? 0) < (right[place] ?? 0);
}

/**
 * One cell for each firmware and QEMU build: what a firmware says to an ID block or a policy depends on neither kernel nor
 * vCPUs, so that a whole matrix of scenarios would prove nothing more.
 * @returns in the order of the matrix
 */
export function representatives(cells: readonly Cell[]): Cell[] {
  const best = new Map<string, Cell>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.firmware, cell.qemu]);
    const known = best.get(key);
    if (known === undefined || isBetter(cell, known)) best.set(key, cell);
  }
  return [...best.values()];
}
