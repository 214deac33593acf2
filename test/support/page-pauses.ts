import { chromium, type Page } from '@playwright/test';

/** Debian's Chromium, as the tests and the benchmark of the page start it. */
export const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
} as const;

export const launchChromium = () => chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args] });

/** How long a page did not answer. */
export interface Pause {
  /** Processor time of its longest task on the main thread: what one waits on a machine that does nothing else. */
  cpuMs: number;
  /** The time that this task took here, beside whatever else runs. */
  wallMs: number;
}

interface TraceEvent {
  ph: string;
  name: string;
  pid: number;
  tid: number;
  /** Microseconds, by the clock and of the processor. */
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** The longest task of the main threads of a trace. Source: Chromium's trace events, category `toplevel` */
function longestOf(events: readonly TraceEvent[]): Pause {
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const main = new Set(
    events.filter(({ ph, args }) => ph === 'M' && args?.name === 'CrRendererMain').map((event) => threadOf(event)),
  );
  const tasks = events.filter((event) => event.name.includes('RunTask') && main.has(threadOf(event)));
  if (tasks.length === 0) throw new Error('the trace has no task of the main thread');
  const longest = (of: 'tdur' | 'dur'): number => Math.max(...tasks.map((task) => task[of] ?? 0)) / 1000;
  return { cpuMs: longest('tdur'), wallMs: longest('dur') };
}

/** Two frames: what was asked for has been drawn. Script of the browser. */
const DRAWN = 'new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))';

/** The longest time that a page does not answer while something is done with it. */
export async function longestPause(page: Page, work: () => Promise<unknown>): Promise<Pause> {
  const browser = page.context().browser();
  if (browser === null) throw new Error('the page has no browser of its own');
  const stop = (): Promise<Buffer> => browser.stopTracing();
  await browser.startTracing(page, { categories: ['toplevel'] });
  const done = work().then(() => page.evaluate(DRAWN));
  // A browser whose trace goes on cannot be asked for another.
  const [trace] = await Promise.all([done.then(stop, stop), done]);
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  return longestOf(traceEvents);
}

/** Opens a page from disk and uses it. @returns ms from the beginning of navigation until a key was answered */
export async function interactiveAfterMs(page: Page, file: string): Promise<number> {
  await page.goto(`file://${file}`, { waitUntil: 'commit' });
  await page.locator('html[data-ready]').waitFor();
  await page.keyboard.press('/');
  await page.locator('.search:focus').waitFor();
  return page.evaluate<number>('performance.now()');
}

/** Scrolls a box through frame by frame, down and across. Script of the browser. */
const SCROLL = `(async (box, steps) => {
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  for (let step = 0; step <= steps; step++) {
    box.scrollTop = (box.scrollHeight * step) / steps;
    await frame();
  }
  for (let at = 0; at < box.scrollWidth; at += 200) {
    box.scrollLeft = at;
    await frame();
  }
})`;

/** What people do with a page of results, by name; each leaves the page as it was, but for the map. */
export const USES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'scrolling the list': (page) => page.evaluate(`${SCROLL}(document.querySelector('.cell-list'), 60)`),
  'filtering by result': async (page) => {
    await page.getByRole('button', { name: /\d+\s*failed/ }).click();
    await page.getByRole('button', { name: 'show all' }).click();
  },
  'filtering by a value': async (page) => {
    await page.getByText('vCPU type', { exact: true }).first().click();
    await page.getByRole('checkbox', { name: 'EPYC-Genoa' }).first().check();
    await page.getByRole('button', { name: 'show all' }).click();
  },
  searching: async (page) => {
    await page.getByRole('searchbox').pressSequentially('192-vcpu turin');
    await page.getByRole('searchbox').fill('');
  },
  'another map': async (page) => {
    await page.getByRole('combobox', { name: 'down' }).selectOption('kernel');
    await page.getByRole('combobox', { name: 'across' }).selectOption('host');
    // The keys of the page are not those of the list that was chosen from.
    await page.evaluate('document.activeElement.blur()');
  },
  'opening cells': async (page) => {
    for (let cell = 0; cell < 3; cell++) {
      await page.keyboard.press('n');
      await page.locator('.digests').waitFor();
    }
    await page.keyboard.press('Escape');
  },
};
