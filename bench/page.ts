/**
 * The page of a large run in Debian's Chromium: how soon it can be used, and the longest time that it does not answer while
 * one scrolls, filters, searches, sorts the map anew and opens cells. `test/report-ui/large.test.ts` holds it to its limits.
 *
 * node --import tsx bench/page.ts FILE, for example what bench/replay.ts kept
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { interactiveAfterMs, launchChromium, longestPause, USES } from '../test/support/page-pauses.ts';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: node --import tsx bench/page.ts FILE');

const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
console.log(`page: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
console.log(`interactive after ${((await interactiveAfterMs(page, resolve(file))) / 1000).toFixed(2)} s`);
await page.evaluate('document.activeElement.blur()');
for (const [what, use] of Object.entries(USES)) {
  const { cpuMs, wallMs } = await longestPause(page, () => use(page));
  console.log(`${what}: longest task ${cpuMs.toFixed(0)} ms of the processor, ${wallMs.toFixed(0)} ms by the clock`);
}
await browser.close();
