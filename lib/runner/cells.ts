import { type HostedCell, loadPlan, readPlan } from './plan.ts';

/** Cells that stand together in a suite: one firmware and kernel. */
export interface CellGroup {
  title: string;
  cells: HostedCell[];
}

/** A describe of more than this makes the runner's bookkeeping quadratic. */
const GROUP_CELLS = 48;

/** The tag by which a project picks the cells of its host. */
export function hostTag(host: string): string {
  return `@${host}`;
}

/** What a project's grep must match: the tag of its host and not one that it begins. */
export function hostTagPattern(host: string): RegExp {
  return new RegExp(`${hostTag(host)}(?![\\w.-])`);
}

/** Cells in groups of one firmware and kernel, in the order given. */
export function inGroups(cells: readonly HostedCell[]): CellGroup[] {
  const groups = new Map<string, HostedCell[]>();
  for (const hosted of cells) {
    const title = `${hosted.cell.firmware}/${hosted.cell.kernel ?? 'no-kernel'}`;
    groups.set(title, [...(groups.get(title) ?? []), hosted]);
  }
  return [...groups].flatMap(([title, all]) =>
    Array.from({ length: Math.ceil(all.length / GROUP_CELLS) }, (_, part) => ({
      title: all.length > GROUP_CELLS ? `${title} (${part + 1})` : title,
      cells: all.slice(part * GROUP_CELLS, (part + 1) * GROUP_CELLS),
    })),
  );
}

/** The cells of the run, in groups, in the order of the matrix. */
export function cellGroups(): CellGroup[] {
  return inGroups(loadPlan(readPlan(process.env, process.cwd())).cells);
}
