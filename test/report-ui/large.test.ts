import { statSync } from 'node:fs';
import { largeRun } from '../reporters/page/large-run.ts';
import { testFolder } from '../support/folder.ts';
import { interactiveAfterMs, longestPause, USES } from '../support/page-pauses.ts';
import { expect, test } from '../support/test.ts';
import { browserForTests, writePage } from './browser.ts';

const path = testFolder();
const look = browserForTests();

/** What is promised of a page of 10,000 cells. */
const BYTES_MAX = 10_000_000;
const INTERACTIVE_MAX_MS = 2000;
const PAUSE_MAX_MS = 100;
/** What the rest of this machine does at the same time is no fault of the page: the best of so many openings counts. */
const OPENINGS = 3;

test('a page of 10,000 cells is small, answers soon, and never lets its reader wait', async () => {
  const file = path('large.html');
  await writePage(file, largeRun(10_000, 50));
  expect(statSync(file).size).toBeLessThan(BYTES_MAX);

  const { page, complaints } = await look(file);
  await expect(page.locator('.shown')).toContainText('All 10,000 cells');
  let soonest = Number.POSITIVE_INFINITY;
  for (let opening = 0; opening < OPENINGS && soonest > INTERACTIVE_MAX_MS; opening++) {
    soonest = Math.min(soonest, await interactiveAfterMs(page, file));
  }
  expect(soonest, 'ms until it answers').toBeLessThan(INTERACTIVE_MAX_MS);

  await page.evaluate('document.activeElement.blur()');
  const busy = 'for (const end = performance.now() + 300; performance.now() < end; );';
  const seen = await longestPause(page, () => page.evaluate(busy));
  expect(seen.wallMs, 'a pause is seen').toBeGreaterThan(PAUSE_MAX_MS);
  for (const [what, use] of Object.entries(USES)) {
    const { cpuMs, wallMs } = await longestPause(page, () => use(page));
    expect(cpuMs, `${what}: ms of the longest task, which took ${wallMs} ms by the clock`).toBeLessThan(PAUSE_MAX_MS);
    test
      .info()
      .annotations.push({ type: what, description: `${cpuMs.toFixed(0)} ms, ${wallMs.toFixed(0)} by the clock` });
  }
  expect(complaints).toEqual([]);
});
