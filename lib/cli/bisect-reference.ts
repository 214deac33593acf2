import { AXES, type Axis, type Cell } from '../matrix/cell.ts';

/** Launch digests by VMM profile and cell id, as a reference file has them. */
type Digests = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Digests that were published for the cells of one build, for the same cells of another: a cell has the build in its id, and
 * what is asked is since which build it has no longer the digest that was published.
 * @param from the cells that the digests are of   @param to those that they shall be of: alike but on the axis
 * @returns of ids that are no cell of `from` nothing is changed: who reads them says so
 */
export function renamedDigests(digests: Digests, from: readonly Cell[], to: readonly Cell[], axis: Axis): Digests {
  const others = AXES.filter((name) => name !== axis);
  const keyOf = (cell: Cell): string => JSON.stringify(others.map((name) => String(cell[name])));
  const idOfKey = new Map(to.map((cell) => [keyOf(cell), cell.id]));
  const renamed = new Map(from.map((cell) => [cell.id, idOfKey.get(keyOf(cell)) ?? cell.id]));
  return Object.fromEntries(
    Object.entries(digests).map(([profile, cells]) => [
      profile,
      Object.fromEntries(Object.entries(cells).map(([id, digest]) => [renamed.get(id) ?? id, digest])),
    ]),
  );
}
