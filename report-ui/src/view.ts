import type { ResultKind } from '../../lib/evidence/results.ts';
import { tellingAxes } from './causes.ts';
import { KINDS, type Run } from './run.ts';

/** What the reader looks at; all of it is in the address, so that a link shows the same. */
export interface View {
  /** Names of the axes of the heat map: across and down. */
  x: string;
  y: string;
  /** Of each axis the values to show; an axis without an entry shows all. */
  filters: Readonly<Record<string, readonly string[]>>;
  /** Kinds of result to show; empty: all. */
  kinds: readonly ResultKind[];
  /** Only what changed since the earlier run. */
  changedOnly: boolean;
  query: string;
  /** The row whose story is open. */
  open: number | null;
}

/** What is shown first: the two axes that tell most of what went wrong. */
export function firstView(run: Run): View {
  const [y = '', x = ''] = tellingAxes(run);
  return { x, y, filters: {}, kinds: [], changedOnly: false, query: '', open: null };
}

const FILTER = 'only.';

/** A view as the part of an address after `#`. @param first what is shown without one */
export function toHash(view: View, first: View, run: Run): string {
  const parameters = new URLSearchParams();
  if (view.open !== null) parameters.set('cell', run.key(view.open));
  if (view.y !== first.y) parameters.set('down', view.y);
  if (view.x !== first.x) parameters.set('across', view.x);
  for (const [axis, values] of Object.entries(view.filters)) {
    for (const value of values) parameters.append(`${FILTER}${axis}`, value);
  }
  if (view.kinds.length > 0) parameters.set('results', view.kinds.join(','));
  if (view.changedOnly) parameters.set('changed', '1');
  if (view.query !== '') parameters.set('search', view.query);
  return parameters.toString();
}

/** The view that an address asks for; what it names and the run does not have is left aside. */
export function fromHash(hash: string, first: View, run: Run): View {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const axisOf = (name: string, otherwise: string): string => {
    const wanted = parameters.get(name);
    return wanted !== null && run.axis(wanted) !== undefined ? wanted : otherwise;
  };
  const filters: Record<string, string[]> = {};
  for (const [name, value] of parameters) {
    if (!name.startsWith(FILTER)) continue;
    const axis = run.axis(name.slice(FILTER.length));
    if (axis?.values.includes(value)) filters[axis.name] = [...(filters[axis.name] ?? []), value];
  }
  const wantedKinds = (parameters.get('results') ?? '').split(',');
  return {
    x: axisOf('across', first.x),
    y: axisOf('down', first.y),
    filters,
    kinds: KINDS.filter((kind) => wantedKinds.includes(kind)),
    changedOnly: parameters.get('changed') === '1',
    query: parameters.get('search') ?? '',
    open: run.rowOf(parameters.get('cell') ?? '') ?? null,
  };
}

/** The rows that a view shows, in the order of the run. */
export function shownRows(run: Run, view: View): number[] {
  const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
  const filters = Object.entries(view.filters).flatMap(([name, values]) => {
    const axis = run.axis(name);
    return axis === undefined
      ? []
      : [{ of: axis.of, wanted: new Set(values.map((value) => axis.values.indexOf(value))) }];
  });
  const kinds = new Set(view.kinds);
  const rows: number[] = [];
  for (let row = 0; row < run.count; row++) {
    if (!filters.every(({ of, wanted }) => wanted.has(of[row] ?? -1))) continue;
    if (kinds.size > 0 && !kinds.has(run.kind(row))) continue;
    if (view.changedOnly && run.change(row) === undefined) continue;
    if (run.matches(row, words)) rows.push(row);
  }
  return rows;
}

/** Is anything left out? */
export function filtersAnything(view: View): boolean {
  return Object.keys(view.filters).length > 0 || view.kinds.length > 0 || view.changedOnly || view.query !== '';
}
