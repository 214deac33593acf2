import { useMemo, useRef, useState } from 'preact/hooks';
import type { ResultKind } from '../../lib/evidence/results.ts';
import type { PageAxis } from '../../lib/reporters/page/model.ts';
import { usePrinting, useStretches } from './hooks.ts';
import { counted, Shape } from './result.tsx';
import { KIND_WORDS, KINDS, type Run, worst } from './run.ts';
import { Parts } from './square-parts.tsx';

/** One square of the map: the rows that fall in it. */
interface Square {
  rows: number[];
  totals: Record<ResultKind, number>;
  kind: ResultKind;
}

/** The shown rows sorted into squares; values in which no row falls are left out. */
interface Grid {
  down: number[];
  across: number[];
  squares: Map<number, Square>;
}

const keyOf = (down: number, across: number): number => down * 4096 + across;
/** The height of the column heads in pixels: of those that stand aslant, and of those that have room to lie. */
const HEAD_HEIGHT = { aslant: 104, level: 48 } as const;
/** A character of a column head is this wide at most, in pixels. */
const CHARACTER_WIDTH = 7.5;
/** The width of the row heads in pixels, and where there is little room. */
const HEAD_WIDTH = { wide: 190, narrow: 104, narrowBelow: 640 } as const;
/** How large squares are drawn, in pixels, up to so many of them: few large, many small, so that the eye sees a pattern. */
const WIDTHS = [
  { upTo: 4, size: 168 },
  { upTo: 6, size: 132 },
  { upTo: 12, size: 76 },
  { upTo: 24, size: 48 },
  { upTo: Number.POSITIVE_INFINITY, size: 26 },
] as const;
const HEIGHTS = [
  { upTo: 8, size: 44 },
  { upTo: 24, size: 34 },
  { upTo: Number.POSITIVE_INFINITY, size: 24 },
] as const;
/** In squares narrower than this there is no room for numbers. */
const ROOM_FOR_NUMBERS = 40;

/** In lines lower than this text is small. */
const ROOM_FOR_TEXT = 30;

const sizeFor = (sizes: readonly { upTo: number; size: number }[], count: number): number =>
  sizes.find(({ upTo }) => count <= upTo)?.size ?? 24;
/** Stands for a row without a value on an axis. */
const NOTHING = '(none)';

function gridOf(run: Run, rows: readonly number[], down: PageAxis, across: PageAxis): Grid {
  const squares = new Map<number, Square>();
  const seen = { down: new Set<number>(), across: new Set<number>() };
  const none = { down: down.values.length, across: across.values.length };
  for (const row of rows) {
    const at = { down: down.of[row] ?? -1, across: across.of[row] ?? -1 };
    const place = { down: at.down < 0 ? none.down : at.down, across: at.across < 0 ? none.across : at.across };
    seen.down.add(place.down);
    seen.across.add(place.across);
    const key = keyOf(place.down, place.across);
    const square = squares.get(key);
    if (square === undefined) {
      squares.set(key, { rows: [row], totals: run.totals([row]), kind: run.kind(row) });
    } else {
      square.rows.push(row);
      square.totals[run.kind(row)]++;
      square.kind = worst(square.totals);
    }
  }
  const sorted = (of: Set<number>): number[] => [...of].sort((left, right) => left - right);
  return { down: sorted(seen.down), across: sorted(seen.across), squares };
}

const nameOf = (axis: PageAxis, value: number): string => axis.values[value] ?? NOTHING;

/** How much of a square each kind has, from below: what is wrong at the bottom, where it stands out. */
function fill({ rows, totals }: Square): string {
  let reached = 0;
  const stops = KINDS.filter((kind) => totals[kind] > 0).map((kind) => {
    const from = reached;
    // A single failure among hundreds must still be seen.
    reached = Math.min(100, reached + Math.max((100 * totals[kind]) / rows.length, kind === 'pass' ? 0 : 14));
    return `var(--${kind}-${kind === 'pass' ? 'soft' : 'solid'}) ${from.toFixed(1)}% ${reached.toFixed(1)}%`;
  });
  return `linear-gradient(to top, ${stops.join(', ')})`;
}

function squareText(square: Square): string {
  return KINDS.filter((kind) => square.totals[kind] > 0)
    .map((kind) => `${square.totals[kind]} ${KIND_WORDS[kind]}`)
    .join(', ');
}

interface CellProps {
  square: Square | undefined;
  name: string;
  column: number;
  left: number;
  width: number;
  small: boolean;
  focused: boolean;
  current: boolean;
  changed: boolean;
}

function Cell({ square, name, column, left, width, small, focused, current, changed }: CellProps) {
  const common = {
    'aria-colindex': column + 2,
    tabIndex: focused ? 0 : -1,
    'data-column': column,
    style: { left: `${left}px`, width: `${width}px` },
  };
  if (square === undefined)
    return <div {...common} role="gridcell" class="square square-empty" aria-label={`${name}: no cell`} />;
  const one = square.rows.length === 1;
  const pure = square.totals[square.kind] === square.rows.length;
  const words = one ? KIND_WORDS[square.kind] : squareText(square);
  const label = `${name}: ${pure ? '' : `of ${square.rows.length} `}${words}`;
  return (
    <div
      {...common}
      role="gridcell"
      class={`square ${pure ? `tone-${square.kind}` : 'square-mixed'} ${current ? 'square-current' : ''}`}
      style={pure ? common.style : { ...common.style, background: fill(square) }}
      aria-label={label}
      aria-selected={current}
      title={label}
    >
      {pure && <Shape kind={square.kind} />}
      {!one && !small && pure && <span class="square-count">{square.rows.length}</span>}
      {!small && !pure && <Parts totals={square.totals} of={square.rows.length} width={width} />}
      {changed && <span class="square-changed" aria-hidden="true" />}
    </div>
  );
}

interface HeatMapProps {
  run: Run;
  rows: readonly number[];
  down: PageAxis;
  across: PageAxis;
  open: number | null;
  onOpen: (row: number) => void;
  onPick: (down: string | null, across: string | null) => void;
}

/** The cells over two axes. Arrow keys move, Enter opens the cell or, where there are several, lists them. */
export function HeatMap({ run, rows, down, across, open, onOpen, onPick }: HeatMapProps) {
  const grid = useMemo(() => gridOf(run, rows, down, across), [run, rows, down, across]);
  const printing = usePrinting();
  const [focus, setFocus] = useState({ row: 0, column: 0 });
  const size = { row: sizeFor(HEIGHTS, grid.down.length), column: sizeFor(WIDTHS, grid.across.length) };
  const headWidth = window.innerWidth < HEAD_WIDTH.narrowBelow ? HEAD_WIDTH.narrow : HEAD_WIDTH.wide;
  const small = size.column < ROOM_FOR_NUMBERS;
  const longest = Math.max(0, ...grid.across.map((value) => nameOf(across, value).length));
  const slope = longest * CHARACTER_WIDTH < size.column ? 'level' : 'aslant';
  const headHeight = HEAD_HEIGHT[slope];
  const { element, ...seen } = useStretches(
    { size: size.row, count: grid.down.length },
    { size: size.column, count: grid.across.length },
  );
  const stretch = printing
    ? { down: { from: 0, to: grid.down.length }, across: { from: 0, to: grid.across.length } }
    : seen;
  const wantsFocus = useRef(false);
  const at = {
    row: Math.min(focus.row, Math.max(0, grid.down.length - 1)),
    column: Math.min(focus.column, Math.max(0, grid.across.length - 1)),
  };

  const act = (row: number, column: number): void => {
    const [downValue, acrossValue] = [grid.down[row] ?? -1, grid.across[column] ?? -1];
    const square = grid.squares.get(keyOf(downValue, acrossValue));
    const [first] = square?.rows ?? [];
    if (square === undefined || first === undefined) return;
    if (square.rows.length === 1) onOpen(first);
    else onPick(down.values[downValue] ?? null, across.values[acrossValue] ?? null);
  };

  const move = (row: number, column: number): void => {
    const next = {
      row: Math.max(0, Math.min(grid.down.length - 1, row)),
      column: Math.max(0, Math.min(grid.across.length - 1, column)),
    };
    wantsFocus.current = true;
    setFocus(next);
    const box = element.current;
    if (box === null) return;
    const top = next.row * size.row;
    const left = next.column * size.column;
    const inner = { height: box.clientHeight - size.row * 2, width: box.clientWidth - headWidth - size.column };
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top > box.scrollTop + inner.height - size.row) box.scrollTop = top - inner.height + size.row;
    if (left < box.scrollLeft) box.scrollLeft = left;
    else if (left > box.scrollLeft + inner.width) box.scrollLeft = left - inner.width;
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((element.current?.clientHeight ?? 0) / size.row) - 2);
    const steps: Record<string, [number, number]> = {
      ArrowDown: [at.row + 1, at.column],
      ArrowUp: [at.row - 1, at.column],
      ArrowRight: [at.row, at.column + 1],
      ArrowLeft: [at.row, at.column - 1],
      PageDown: [at.row + page, at.column],
      PageUp: [at.row - page, at.column],
      Home: [event.ctrlKey ? 0 : at.row, 0],
      End: [event.ctrlKey ? grid.down.length - 1 : at.row, grid.across.length - 1],
    };
    const step = steps[event.key];
    if (step !== undefined) move(...step);
    else if (event.key === 'Enter' || event.key === ' ') act(at.row, at.column);
    else return;
    event.preventDefault();
  };

  const onClick = (event: MouseEvent): void => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-column]') : null;
    const line = target?.closest<HTMLElement>('[data-row]');
    if (target === null || line === null || line === undefined) return;
    const place = { row: Number(line.dataset.row), column: Number(target.dataset.column) };
    setFocus(place);
    act(place.row, place.column);
  };

  const takeFocus = (box: HTMLElement | null): void => {
    if (box === null || !wantsFocus.current) return;
    const cell = box.querySelector<HTMLElement>('[role="gridcell"][tabindex="0"]');
    if (cell !== null) {
      wantsFocus.current = false;
      cell.focus({ preventScroll: true });
    }
  };

  if (grid.down.length === 0) return <p class="nothing">No cell is left by these filters.</p>;
  const width = headWidth + grid.across.length * size.column;
  const columns = grid.across.slice(stretch.across.from, stretch.across.to);
  const lines = grid.down.slice(stretch.down.from, stretch.down.to);
  return (
    <div class="heat-map" ref={element}>
      <div
        class="grid"
        role="grid"
        aria-label={`${down.title} by ${across.title}`}
        aria-rowcount={grid.down.length + 1}
        aria-colcount={grid.across.length + 1}
        style={{ width: `${width}px`, height: `${headHeight + grid.down.length * size.row + 4}px` }}
        onKeyDown={onKeyDown}
        onClick={onClick}
        ref={takeFocus}
      >
        <div
          class={`grid-head heads-${slope}`}
          role="row"
          aria-rowindex={1}
          style={{ width: `${width}px`, height: `${headHeight}px` }}
        >
          <div class="grid-corner" role="columnheader" aria-colindex={1} style={{ width: `${headWidth}px` }}>
            <span class="corner-down">{down.title}</span>
            <span class="corner-across">{across.title}</span>
          </div>
          {columns.map((value, index) => {
            const column = stretch.across.from + index;
            return (
              <div
                key={value}
                class="column-head"
                role="columnheader"
                aria-colindex={column + 2}
                style={{ left: `${headWidth + column * size.column}px`, width: `${size.column}px` }}
                title={nameOf(across, value)}
              >
                <span>{nameOf(across, value)}</span>
              </div>
            );
          })}
        </div>
        {lines.map((value, index) => {
          const row = stretch.down.from + index;
          return (
            <div
              key={value}
              class={`line ${small || size.row < ROOM_FOR_TEXT ? 'line-small' : ''}`}
              role="row"
              aria-rowindex={row + 2}
              data-row={row}
              style={{ top: `${headHeight + row * size.row}px`, width: `${width}px`, height: `${size.row}px` }}
            >
              <div
                class="row-head"
                role="rowheader"
                aria-colindex={1}
                title={nameOf(down, value)}
                style={{ width: `${headWidth}px` }}
              >
                <span>{nameOf(down, value)}</span>
              </div>
              {columns.map((acrossValue, place) => {
                const column = stretch.across.from + place;
                const square = grid.squares.get(keyOf(value, acrossValue));
                return (
                  <Cell
                    key={acrossValue}
                    square={square}
                    name={`${nameOf(down, value)}, ${nameOf(across, acrossValue)}`}
                    column={column}
                    left={headWidth + column * size.column}
                    width={size.column - 2}
                    small={small}
                    focused={row === at.row && column === at.column}
                    current={open !== null && square?.rows.includes(open) === true}
                    changed={square?.rows.some((one) => run.change(one) !== undefined) === true}
                  />
                );
              })}
            </div>
          );
        })}
      </div>
      <p class="visually-hidden" aria-live="polite">
        {counted(rows.length, 'cell')} shown
      </p>
    </div>
  );
}
