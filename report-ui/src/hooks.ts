import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** What of a long list is drawn. */
export interface Stretch {
  from: number;
  to: number;
}

/** Items beyond the edges that are drawn too, so that scrolling shows no gaps. */
const BEYOND = 6;

function stretchOf(offset: number, size: number, itemSize: number, count: number): Stretch {
  const from = Math.max(0, Math.floor(offset / itemSize) - BEYOND);
  return { from, to: Math.min(count, Math.ceil((offset + size) / itemSize) + BEYOND) };
}

const sameStretch = (left: Stretch, right: Stretch): boolean => left.from === right.from && left.to === right.to;

/** Watches what of a scrolled element is seen. */
export function useStretches(rows: { size: number; count: number }, columns: { size: number; count: number }) {
  const element = useRef<HTMLDivElement>(null);
  const [down, setDown] = useState<Stretch>({ from: 0, to: Math.min(rows.count, 40) });
  const [across, setAcross] = useState<Stretch>({ from: 0, to: Math.min(columns.count, 60) });
  const measure = useCallback(() => {
    const box = element.current;
    if (box === null) return;
    const nextDown = stretchOf(box.scrollTop, box.clientHeight, rows.size, rows.count);
    const nextAcross = stretchOf(box.scrollLeft, box.clientWidth, columns.size, columns.count);
    setDown((last) => (sameStretch(last, nextDown) ? last : nextDown));
    setAcross((last) => (sameStretch(last, nextAcross) ? last : nextAcross));
  }, [rows.size, rows.count, columns.size, columns.count]);
  useLayoutEffect(() => {
    measure();
    const box = element.current;
    if (box === null) return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    box.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener('scroll', measure);
    };
  }, [measure]);
  return { element, down, across };
}

/** Is the page being printed? Then long lists are drawn whole, as far as paper goes. */
export function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const media = window.matchMedia('print');
    const changed = (): void => setPrinting(media.matches);
    changed();
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return printing;
}

/** Where the reader's choice of colours is kept; a page opened from disk may not be allowed to keep anything. */
const THEME_KEY = 'snp-conform theme';
export type Theme = 'light' | 'dark';

function keptTheme(): Theme | undefined {
  try {
    const kept = localStorage.getItem(THEME_KEY);
    return kept === 'light' || kept === 'dark' ? kept : undefined;
  } catch {
    return undefined; // Then the system's choice holds.
  }
}

function keepTheme(theme: Theme): void {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // It lasts as long as the page.
  }
}

/** Dark or light: the system's choice until the reader makes another. */
export function useTheme(): [Theme, () => void] {
  const [chosen, setChosen] = useState(keptTheme);
  const [system, setSystem] = useState<Theme>('light');
  useEffect(() => {
    const media = window.matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => setSystem(media.matches ? 'dark' : 'light');
    changed();
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  const theme = chosen ?? system;
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const toggle = useCallback(() => {
    const next = theme === 'dark' ? 'light' : 'dark';
    keepTheme(next);
    setChosen(next);
  }, [theme]);
  return [theme, toggle];
}
