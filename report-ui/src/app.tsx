import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ResultKind } from '../../lib/evidence/results.ts';
import type { PageAxis } from '../../lib/reporters/page/model.ts';
import type { Cause } from './causes.ts';
import { CellList } from './cell-list.tsx';
import type { Values } from './data.ts';
import { Filters } from './filters.tsx';
import { Causes, Header, Totals } from './header.tsx';
import { HeatMap } from './heat-map.tsx';
import { Help } from './help.tsx';
import { useTheme } from './hooks.ts';
import { counted, Shape } from './result.tsx';
import { KIND_WORDS, KINDS, type Run, worst, worstFirst } from './run.ts';
import { Story } from './story.tsx';
import { filtersAnything, firstView, fromHash, shownRows, toHash, type View } from './view.ts';

/** The view and the address, each following the other. Opening a cell is a step that the reader can go back from. */
function useView(run: Run): [View, View, (change: Partial<View>) => void] {
  const first = useMemo(() => firstView(run), [run]);
  const [view, setView] = useState(() => fromHash(location.hash, first, run));
  useEffect(() => {
    const follow = (): void => setView(fromHash(location.hash, first, run));
    window.addEventListener('hashchange', follow);
    window.addEventListener('popstate', follow);
    return () => {
      window.removeEventListener('hashchange', follow);
      window.removeEventListener('popstate', follow);
    };
  }, [first, run]);
  const change = useCallback(
    (part: Partial<View>) =>
      setView((last) => {
        const next = { ...last, ...part };
        const hash = `#${toHash(next, first, run)}`;
        if (hash !== (location.hash || '#')) {
          if (part.open !== undefined && part.open !== null) history.pushState(null, '', hash);
          else history.replaceState(null, '', hash);
        }
        return next;
      }),
    [first, run],
  );
  return [view, first, change];
}

function AxisChoice(props: { run: Run; title: string; value: string; onChange: (name: string) => void }) {
  const { run, title, value, onChange } = props;
  return (
    <label class="axis-choice">
      {title}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {run.index.axes.map((axis) => (
          <option key={axis.name} value={axis.name}>
            {axis.title} ({axis.values.length})
          </option>
        ))}
      </select>
    </label>
  );
}

/** Are there rows of several kinds in one square of the map? */
function hasParts(run: Run, rows: readonly number[], down: PageAxis, across: PageAxis): boolean {
  const kinds = new Map<number, ResultKind>();
  return rows.some((row) => {
    const square = (down.of[row] ?? -1) * (across.values.length + 1) + (across.of[row] ?? -1);
    const kind = run.kind(row);
    const known = kinds.get(square);
    kinds.set(square, kind);
    return known !== undefined && known !== kind;
  });
}

interface LegendProps {
  run: Run;
  rows: readonly number[];
  down: PageAxis;
  across: PageAxis;
}

function Legend({ run, rows, down, across }: LegendProps) {
  const parts = useMemo(() => hasParts(run, rows, down, across), [run, rows, down, across]);
  const kinds = [...KINDS].reverse().filter((kind) => run.all[kind] > 0);
  return (
    <p class="legend">
      {kinds.map((kind) => (
        <span key={kind} class={`tone-${kind}`}>
          <Shape kind={kind} /> {KIND_WORDS[kind]}
        </span>
      ))}
      {parts && (
        <span class="legend-parts">
          <Shape kind={worst(run.all)} /> 1 of 9: of nine cells, one {KIND_WORDS[worst(run.all)]}
        </span>
      )}
    </p>
  );
}

function Alike({ axes, of }: { axes: readonly PageAxis[]; of: string }) {
  if (axes.length === 0) return null;
  return (
    <p>
      {of}:{' '}
      {axes.map((axis, index) => (
        <span key={axis.name}>
          {index > 0 ? ' · ' : ''}
          {axis.title} <b>{axis.values[0]}</b>
        </span>
      ))}
    </p>
  );
}

/** What all cells have in common, once; and what those have of which it is known: a cell that left nothing tells no kernel. */
function Constants({ run }: { run: Run }) {
  const known = useMemo(
    () => run.constant.map((axis) => ({ axis, count: axis.of.filter((value) => value >= 0).length })),
    [run],
  );
  const counts = [...new Set(known.map(({ count }) => count))].sort((left, right) => right - left);
  return (
    <div class="constants">
      {counts.map((count) => (
        <Alike
          key={count}
          axes={known.filter((one) => one.count === count).map(({ axis }) => axis)}
          of={
            count === run.count
              ? 'In every cell'
              : `In ${counted(count, 'cell')}, not told by the other ${run.count - count}`
          }
        />
      ))}
    </div>
  );
}

/** What changed since the earlier run, as a whole. */
function Comparison({ run }: { run: Run }) {
  const { earlier } = run.index;
  const changes = useMemo(() => run.index.rows.id.map((_, row) => run.change(row)), [run]);
  if (earlier === null) return null;
  const count = (wanted: string): number => changes.filter((change) => change === wanted).length;
  const parts = [
    counted(count('new-failure'), 'new failure'),
    `${count('fixed')} fixed`,
    counted(count('new'), 'new cell'),
  ];
  return (
    <section class="comparison" aria-label="Since the earlier run">
      <p>
        Since {earlier.title}: <b>{parts.join(', ')}</b>
      </p>
      {earlier.provenance.length > 0 && (
        <ul>
          {earlier.provenance.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;

/** The page. */
export function App({ run, values }: { run: Run; values: Values }) {
  const [view, first, change] = useView(run);
  const [theme, toggleTheme] = useTheme();
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const { filters, kinds, changedOnly, query } = view;
  const rows = useMemo(
    () => shownRows(run, { ...first, filters, kinds, changedOnly, query }),
    [run, first, filters, kinds, changedOnly, query],
  );
  const open = useCallback((row: number) => change({ open: row }), [change]);
  const toggleKind = useCallback(
    (kind: ResultKind) =>
      change({ kinds: kinds.includes(kind) ? kinds.filter((one) => one !== kind) : [...kinds, kind] }),
    [change, kinds],
  );
  const showCause = useCallback(
    ({ conditions }: Cause) => {
      const wanted = conditions.map(({ axis, value }) => [axis.name, [axis.values[value] ?? '']]);
      change({ filters: Object.fromEntries(wanted), kinds: [], query: '' });
    },
    [change],
  );
  const down = run.axis(view.y);
  const across = run.axis(view.x);
  const pick = useCallback(
    (downValue: string | null, acrossValue: string | null) => {
      const picked = { ...filters };
      if (down !== undefined && downValue !== null) picked[down.name] = [downValue];
      if (across !== undefined && acrossValue !== null) picked[across.name] = [acrossValue];
      change({ filters: picked });
    },
    [change, filters, down, across],
  );

  useEffect(() => {
    if (view.open !== null) document.getElementById('story')?.focus({ preventScroll: window.innerWidth > 1100 });
  }, [view.open]);

  const close = useCallback(() => change({ open: null }), [change]);
  useEffect(() => {
    const step = (by: number): void => {
      const wrong = rows.filter((row) => run.kind(row) !== 'pass');
      const list = worstFirst(run, wrong.length > 0 ? wrong : rows);
      const at = view.open === null ? -1 : list.indexOf(view.open);
      const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length;
      const row = list[next];
      if (row !== undefined) open(row);
    };
    const keys: Record<string, () => void> = {
      '/': () => search.current?.focus(),
      n: () => step(1),
      p: () => step(-1),
      t: toggleTheme,
      '?': () => setHelp(true),
      Escape: close,
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return;
      if (isTyping(event.target) && event.key !== 'Escape') return;
      const act = keys[event.key];
      if (act === undefined) return;
      event.preventDefault();
      if (event.key === 'Escape' && isTyping(event.target)) (event.target as HTMLElement).blur();
      else act();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [run, rows, view.open, open, close, toggleTheme]);

  return (
    <>
      <Header run={run} theme={theme} onTheme={toggleTheme} onHelp={() => setHelp(true)} />
      <main class={view.open === null ? '' : 'with-story'}>
        <div class="overview">
          <Totals run={run} chosen={kinds} onToggle={toggleKind} />
          <Causes run={run} onShow={showCause} />
          <Comparison run={run} />
          {run.count > 0 && <Filters run={run} view={view} search={search} onChange={change} />}
          {down !== undefined && across !== undefined && (
            <section class="map" aria-label="Heat map">
              <div class="map-head">
                <AxisChoice run={run} title="down" value={view.y} onChange={(y) => change({ y })} />
                <AxisChoice run={run} title="across" value={view.x} onChange={(x) => change({ x })} />
                <button type="button" class="quiet" onClick={() => change({ x: view.y, y: view.x })}>
                  swap
                </button>
                <Legend run={run} rows={rows} down={down} across={across} />
              </div>
              <HeatMap run={run} rows={rows} down={down} across={across} open={view.open} onOpen={open} onPick={pick} />
              <Constants run={run} />
            </section>
          )}
          <p class="shown">
            {run.count === 0
              ? 'This run has no cell: nothing was launched.'
              : rows.length === run.count
                ? `All ${counted(run.count, 'cell')}`
                : `${counted(rows.length, 'cell')} of ${run.count.toLocaleString('en')}`}
            {filtersAnything(view) && (
              <button
                type="button"
                class="quiet"
                onClick={() => change({ filters: {}, kinds: [], changedOnly: false, query: '' })}
              >
                show all
              </button>
            )}
          </p>
          <CellList run={run} rows={rows} open={view.open} onOpen={open} />
        </div>
        {view.open !== null && <Story run={run} row={view.open} values={values} onClose={close} />}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}
