import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { PageAxis } from '../../lib/reporters/page/model.ts';
import type { Run } from './run.ts';
import type { View } from './view.ts';

interface AxisFilterProps {
  axis: PageAxis;
  counts: readonly number[];
  chosen: readonly string[];
  onChange: (values: string[]) => void;
}

/** The values of one axis, to choose from. */
function AxisFilter({ axis, counts, chosen, onChange }: AxisFilterProps) {
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const details = element.current;
      if (details?.open && event.target instanceof Node && !details.contains(event.target)) details.open = false;
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, []);
  const toggle = (value: string): void =>
    onChange(chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
  const close = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape' || element.current?.open !== true) return;
    event.stopPropagation();
    element.current.open = false;
    element.current.querySelector('summary')?.focus();
  };
  return (
    <details class="filter" ref={element} onKeyDown={close}>
      <summary class={chosen.length > 0 ? 'chosen' : ''}>
        {axis.title}
        {chosen.length > 0 && <b>: {chosen.length === 1 ? chosen[0] : `${chosen.length} of ${axis.values.length}`}</b>}
      </summary>
      <fieldset class="filter-values">
        <legend class="visually-hidden">{axis.title}</legend>
        {axis.values.map((value, number) => (
          <label key={value}>
            <input type="checkbox" checked={chosen.includes(value)} onChange={() => toggle(value)} />
            <span class="filter-value">{value}</span>
            <span class="count">{counts[number]?.toLocaleString('en')}</span>
          </label>
        ))}
      </fieldset>
    </details>
  );
}

function countsOf(axis: PageAxis): number[] {
  const counts = axis.values.map(() => 0);
  for (const value of axis.of) if (value >= 0) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

interface FiltersProps {
  run: Run;
  view: View;
  search: { current: HTMLInputElement | null };
  onChange: (change: Partial<View>) => void;
}

/** Search, a filter for each axis on which cells differ, and what changed. */
export function Filters({ run, view, search, onChange }: FiltersProps) {
  const counts = useMemo(() => run.varying.map(countsOf), [run]);
  const set = (name: string, values: string[]): void => {
    const { [name]: _, ...others } = view.filters;
    onChange({ filters: values.length === 0 ? others : { ...others, [name]: values } });
  };
  return (
    <search class="filters" aria-label="Cells">
      <input
        ref={search}
        type="search"
        class="search"
        placeholder="Search ids, messages, digests"
        aria-label="Search ids, messages and digests"
        aria-keyshortcuts="/"
        value={view.query}
        onInput={(event) => onChange({ query: event.currentTarget.value })}
      />
      {run.varying.map((axis, number) => (
        <AxisFilter
          key={axis.name}
          axis={axis}
          counts={counts[number] ?? []}
          chosen={view.filters[axis.name] ?? []}
          onChange={(values) => set(axis.name, values)}
        />
      ))}
      {run.index.earlier !== null && (
        <label class="filter-changed">
          <input
            type="checkbox"
            checked={view.changedOnly}
            onChange={() => onChange({ changedOnly: !view.changedOnly })}
          />
          changed since {run.index.earlier.title}
        </label>
      )}
    </search>
  );
}
