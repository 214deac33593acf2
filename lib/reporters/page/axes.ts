import type { CellFile } from '../../evidence/schema.ts';
import { AXES } from '../../matrix/cell.ts';
import type { ResultRow } from '../row.ts';
import type { PageAxis } from './model.ts';

/** An axis of the page: how a row is asked for its value; undefined where it has none. */
interface AxisSource {
  name: string;
  title: string;
  valueOf: (row: ResultRow, cell: CellFile | undefined) => string | undefined;
}

const TITLES: Readonly<Record<(typeof AXES)[number], string>> = {
  firmware: 'firmware',
  kernel: 'kernel',
  initrd: 'initrd',
  append: 'command line',
  guestPolicy: 'guest policy',
  guestFeatures: 'guest features',
  vcpus: 'vCPUs',
  vcpuType: 'vCPU type',
  qemu: 'QEMU build',
};

/** What stands for an axis on which a cell has nothing: no kernel, no initrd. */
const NONE = 'none';

/** Where cells ran, and on what: known of those that left evidence. */
const OF_HOSTS: readonly AxisSource[] = [
  { name: 'host', title: 'host', valueOf: (row) => row.host },
  { name: 'suite', title: 'suite', valueOf: (row) => row.suite },
  { name: 'profile', title: 'host profile', valueOf: (_, cell) => cell?.evidence.host.profile ?? undefined },
  { name: 'hostKernel', title: 'host kernel', valueOf: (_, cell) => cell?.evidence.host.kernel },
  { name: 'vmmProfile', title: 'VMM profile', valueOf: (_, cell) => cell?.evidence.host.vmmProfile },
  {
    name: 'qemuVersion',
    title: 'QEMU version',
    valueOf: (_, cell) => cell?.evidence.host.qemu[cell.evidence.cell.qemu]?.version,
  },
];

const OF_MATRIX: readonly AxisSource[] = AXES.map((name) => ({
  name,
  title: TITLES[name],
  valueOf: (row, cell) => {
    const value = (cell?.evidence.cell ?? row.planned)?.[name];
    return value === undefined ? undefined : String(value ?? NONE);
  },
}));

/** Numbers in order of size, texts as people sort them: 2 before 10. */
export const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Collects the values of all axes, row by row. */
export class AxisCollector {
  readonly #columns = [...OF_MATRIX, ...OF_HOSTS].map((source) => ({
    source,
    numbers: new Map<string, number>(),
    of: [] as number[],
  }));

  add(row: ResultRow): void {
    for (const { source, numbers, of } of this.#columns) {
      const value = source.valueOf(row, row.cell);
      if (value !== undefined && !numbers.has(value)) numbers.set(value, numbers.size);
      of.push(value === undefined ? -1 : (numbers.get(value) ?? -1));
    }
  }

  /** The numbers of the values of one axis, as they came, row by row. */
  column(name: string): readonly number[] {
    return this.#columns.find(({ source }) => source.name === name)?.of ?? [];
  }

  /** The axes on which any row has a value, their values in order. @param clean what is made of every text */
  end(clean: (text: string) => string): PageAxis[] {
    return this.#columns
      .filter(({ numbers }) => numbers.size > 0)
      .map(({ source, numbers, of }) => {
        const values = [...numbers.keys()].sort(COLLATOR.compare);
        const place = new Map(values.map((value, index) => [numbers.get(value) ?? -1, index]));
        return {
          name: source.name,
          title: source.title,
          values: values.map(clean),
          of: of.map((number) => place.get(number) ?? -1),
        };
      });
  }
}
