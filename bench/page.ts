/**
 * The page of a large run in Debian's Chromium: how soon it can be used, and the longest time that it does not answer while
 * one scrolls, filters, searches, sorts the map anew and opens cells.
 *
 * node --import tsx bench/page.ts FILE, for example what bench/replay.ts kept
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type CDPSession, chromium, type Page } from '@playwright/test';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: node --import tsx bench/page.ts FILE');

/** Notes from the beginning on every task of more than 50 ms, and every gap between two frames. Script of the browser. */
const WATCH_PAUSES = `
  globalThis.pauses = { longest: 0, frame: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.longest = Math.max(pauses.longest, duration);
  }).observe({ type: 'longtask', buffered: true });
  let last = performance.now();
  requestAnimationFrame(function frame(now) {
    pauses.frame = Math.max(pauses.frame, now - last);
    last = now;
    requestAnimationFrame(frame);
  });
`;

/** Scrolls a box through, frame by frame, down and across. Script of the browser. */
const SCROLL = `(async (box) => {
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  const step = Math.max(400, box.scrollHeight / 120);
  for (let at = 0; at < box.scrollHeight; at += step) {
    box.scrollTop = at;
    await frame();
  }
  for (let at = 0; at < box.scrollWidth; at += 200) {
    box.scrollLeft = at;
    await frame();
  }
})`;

/** When what was rendered first has been drawn. Script of the browser. */
const DRAWN = 'new Promise((drawn) => requestAnimationFrame(() => setTimeout(() => drawn(performance.now()))))';

interface Pauses {
  longest: number;
  frame: number;
}

const resetPauses = (page: Page) => page.evaluate('Object.assign(pauses, { longest: 0, frame: 0 })');
const readPauses = (page: Page) => page.evaluate<Pauses>('pauses');

/** Processor time of the page's main thread so far, in ms: what a pause would be on a machine that does nothing else. */
async function mainThreadMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
}

async function measured(page: Page, what: string, work: () => Promise<unknown>): Promise<void> {
  await page.waitForTimeout(300);
  await resetPauses(page);
  const before = await mainThreadMs(session);
  await work();
  await page.waitForTimeout(300);
  const used = (await mainThreadMs(session)) - before;
  const { longest, frame } = await readPauses(page);
  const pauses = `longest task ${longest.toFixed(0)} ms, longest frame ${frame.toFixed(0)} ms`;
  console.log(`${what}: ${pauses}; all of it ${used.toFixed(0)} ms of the main thread`);
}

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const session = await page.context().newCDPSession(page);
await session.send('Performance.enable', { timeDomain: 'threadTicks' });
await page.addInitScript(WATCH_PAUSES);
console.log(`page: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
await page.goto(`file://${resolve(file)}`, { waitUntil: 'commit' });
await page.locator('html[data-ready]').waitFor();
const drawn = await page.evaluate<number>(DRAWN);
console.log(`interactive after ${(drawn / 1000).toFixed(2)} s`);
await measured(page, 'scrolling the list', () => page.evaluate(`${SCROLL}(document.querySelector('.cell-list'))`));
await measured(page, 'filtering by result', () => page.getByRole('button', { name: /\d+\s*failed/ }).click());
await measured(page, 'showing all', () => page.getByRole('button', { name: 'show all' }).click());
await measured(page, 'filtering by a value', async () => {
  await page.getByText('vCPU type', { exact: true }).first().click();
  await page.getByRole('checkbox', { name: 'EPYC-Genoa' }).first().check();
  await page.getByRole('button', { name: 'show all' }).click();
});
await measured(page, 'searching', async () => {
  await page.getByRole('searchbox').pressSequentially('192-vcpu turin');
  await page.getByRole('searchbox').fill('');
});
await measured(page, 'another map', async () => {
  await page.getByRole('combobox', { name: 'down' }).selectOption('kernel');
  await page.getByRole('combobox', { name: 'across' }).selectOption('host');
});
// The keys of the page are not those of the list that was chosen from.
await page.evaluate('document.activeElement.blur()');
await measured(page, 'opening cells', async () => {
  for (let cell = 0; cell < 5; cell++) {
    await page.keyboard.press('n');
    await page.locator('.digests').waitFor();
  }
});
await browser.close();
