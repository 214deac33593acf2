import { useMemo } from 'preact/hooks';
import { usePrinting, useStretches } from './hooks.ts';
import { counted, duration, Shape, Sparkline } from './result.tsx';
import { KIND_WORDS, kindOf, type Run, worstFirst } from './run.ts';

const ROW_HEIGHT = 40;
/** On paper the rest is only counted. */
const PRINTED_ROWS = 400;

/** How a row did in the earlier runs and in this one, oldest first. */
function historyOf(run: Run, row: number) {
  return [...(run.index.history.results[row] ?? '')].map(kindOf).concat(run.kind(row));
}

/** The history of a row as a row of small squares; nothing where there is none. */
export function History({ run, row }: { run: Run; row: number }) {
  const { titles } = run.index.history;
  if (titles.length === 0) return null;
  const kinds = historyOf(run, row);
  const words = kinds.map((kind) => (kind === undefined ? 'absent' : KIND_WORDS[kind]));
  return <Sparkline kinds={kinds} title={`last ${counted(kinds.length, 'run')}, oldest first: ${words.join(', ')}`} />;
}

/** So many parts at the end of an id stay whole where there is little room: cells beside each other differ there. */
const TAIL_PARTS = 3;

/** An id of which the beginning is cut off first. */
function CellId({ id }: { id: string }) {
  const parts = id.split('/');
  const head = parts.slice(0, -TAIL_PARTS).join('/');
  return (
    <span class="cell-id" title={id}>
      {head !== '' && <span class="cell-id-head">{head}</span>}
      <span class="cell-id-tail">{`${head === '' ? '' : '/'}${parts.slice(-TAIL_PARTS).join('/')}`}</span>
    </span>
  );
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

interface CellListProps {
  run: Run;
  rows: readonly number[];
  open: number | null;
  onOpen: (row: number) => void;
}

/** The shown cells one a line, what is wrong first. */
export function CellList({ run, rows, open, onOpen }: CellListProps) {
  const sorted = useMemo(() => worstFirst(run, rows), [run, rows]);
  const printing = usePrinting();
  const { element, down } = useStretches({ size: ROW_HEIGHT, count: sorted.length }, { size: 1, count: 0 });
  const stretch = printing ? { from: 0, to: Math.min(sorted.length, PRINTED_ROWS) } : down;
  if (sorted.length === 0) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="cell-list" ref={element} tabIndex={0} aria-label="Cells, what is wrong first">
      <ol style={{ height: `${sorted.length * ROW_HEIGHT}px` }}>
        {sorted.slice(stretch.from, stretch.to).map((row, index) => {
          const message = firstLine(run.message(row));
          const kind = run.kind(row);
          return (
            <li
              key={row}
              aria-setsize={sorted.length}
              aria-posinset={stretch.from + index + 1}
              style={{ top: `${(stretch.from + index) * ROW_HEIGHT}px` }}
            >
              <button
                type="button"
                class={`cell-line ${row === open ? 'cell-line-open' : ''}`}
                aria-current={row === open}
                onClick={() => onOpen(row)}
              >
                <span class={`cell-shape tone-${kind}`}>
                  <Shape kind={kind} />
                  <span class="visually-hidden">{KIND_WORDS[kind]}</span>
                </span>
                <CellId id={run.index.rows.id[row] ?? ''} />
                <span class="cell-host">{run.host(row)}</span>
                <span class="cell-message">{message}</span>
                <History run={run} row={row} />
                <span class="cell-time">{duration(run.index.rows.durationMs[row] ?? 0)}</span>
              </button>
            </li>
          );
        })}
      </ol>
      {printing && sorted.length > PRINTED_ROWS && <p>and {counted(sorted.length - PRINTED_ROWS, 'more cell')}</p>}
    </section>
  );
}
