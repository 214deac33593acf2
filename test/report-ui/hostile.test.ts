import { writeFileSync } from 'node:fs';
import type { Evidence } from '../../lib/evidence/schema.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { evidence } from '../judge/made-evidence.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { browserForTests, writePage } from './browser.ts';

const path = testFolder();
const look = browserForTests();

const SCRIPTS = [
  '<script>document.title = "owned"; globalThis.owned = 1</script>',
  '</script><script>globalThis.owned = 2</script>',
  '<img src=x onerror="globalThis.owned = 3">',
  '<svg/onload=globalThis.owned=4>',
  '"><iframe srcdoc="<script>parent.owned = 5</script>">',
  '<style>* { display: none }</style><link rel=stylesheet href=https://example.com/a.css>',
  "javascript:globalThis.owned=6//'-alert(1)-'",
  '{{constructor.constructor("globalThis.owned=7")()}}',
  '<base href="https://example.com/"><meta http-equiv="refresh" content="0;url=https://example.com/">',
  '<form action="https://example.com/"><button id="app">x</button></form>',
  '<!--<script>',
  '\u001b]8;;https://example.com/\u0007link\u001b]8;;\u0007\u001b[2J\u001b[31m',
  '\u202e\u2066\u200f evil \u2069\u202c',
  '\u0000\ud800\ufffe__proto__',
];
const ALL = SCRIPTS.join('\n');

/** Evidence in which every text that a guest, QEMU or a host chooses tries to be more than text. */
function hostileEvidence(): Evidence {
  const made = evidence();
  const trace = SCRIPTS.map((text) => ({ event: 'other' as const, text }));
  return {
    ...made,
    cell: { ...made.cell, firmware: SCRIPTS[2] ?? '', append: ALL, vcpuType: SCRIPTS[0] ?? '', qemu: 'default' },
    host: { ...made.host, kernel: SCRIPTS[1] ?? '', qemu: { default: { path: ALL, version: SCRIPTS[3] ?? '' } } },
    sent: { ...made.sent, argv: SCRIPTS },
    outcome: {
      ...made.outcome,
      console: `${ALL}\n`.repeat(Math.ceil((50 * 1024 * 1024) / ALL.length)),
      stderr: ALL,
      trace,
      qmpEvents: SCRIPTS.map((text) => ({ event: text, data: { [text]: text, $: 0, __proto__: text } })),
      querySev: { $: 1, [ALL]: [ALL] },
      state: 'refused',
      refusal: { command: 'SNP_LAUNCH_FINISH', ret: -5, fwError: 11, text: ALL, line: ALL },
    },
    timingsMs: { [SCRIPTS[0] ?? '']: 10, __proto__: 20 },
  };
}

function hostileRow(): ResultRow {
  const made = hostileEvidence();
  const check = { name: ALL, status: 'fail' as const, expected: ALL, observed: ALL, detail: ALL };
  const cell = {
    format: 'snp-conform/cell@1' as const,
    evidence: made,
    predicted: 'd1'.repeat(48),
    verdict: { result: 'fail' as const, checks: [check] },
  };
  return {
    suite: ALL,
    host: ALL,
    name: `${ALL}/x`,
    result: 'fail',
    durationMs: 1,
    message: ALL,
    cell,
    planned: made.cell,
  };
}

test('a recording that wants to be more than text is text', async () => {
  const row = hostileRow();
  await writePage(path('hostile.html'), [row, { ...row, host: 'b', result: 'pass' }]);
  const { page, complaints } = await look(path('hostile.html'));
  await page.keyboard.press('n');
  await page.locator('.digests').waitFor();
  await page.locator('details').evaluateAll((all) => {
    for (const one of all) one.setAttribute('open', '');
  });
  await expect(page.locator('.log').first()).toContainText('<img src=x onerror=');
  // What was going to run would have had its chance by now: two frames and a turn of the event loop.
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))),
  );
  expect(await page.evaluate(() => 'owned' in globalThis)).toBe(false);
  expect(
    await page.locator('#app :is(script, img, iframe, svg, style, link, base, meta, form, object, embed)').count(),
  ).toBe(0);
  const text = (await page.locator('body').textContent()) ?? '';
  for (const mark of ['\u202e', '\u2066', '\u2069', '\u0000', '\u001b']) expect(text).not.toContain(mark);
  expect(await page.title()).toBe('Nightly matrix · snp-conform');
  expect(complaints).toEqual([]);
});

test('a link that wants more than a view gets the page as it is', async () => {
  await writePage(path('plain.html'), [{ ...hostileRow(), suite: 's', host: 'h', name: 'x' }]);
  for (const hash of [
    '#cell=<script>',
    `#down=__proto__&across=constructor&only.__proto__=x&results=${encodeURIComponent(SCRIPTS[0] ?? '')}`,
    '#%',
    '#search=%00(((',
  ]) {
    const { page, complaints } = await look(path('plain.html'), { hash });
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Nightly matrix');
    expect(complaints, hash).toEqual([]);
    await page.close();
  }
});

test('a page that was cut off says so', async () => {
  await writePage(path('whole.html'), [{ ...hostileRow(), suite: 's', host: 'h', name: 'x' }]);
  const { page } = await look(path('whole.html'));
  const html = await page.content();
  const cut = html.replace(/(id="index">[^<]{40})[^<]*/, '$1');
  writeFileSync(
    path('cut.html'),
    cut.replace('data-ready="true"', '').replace(/<div id="app">[\s\S]*?<noscript>/, '<div id="app"></div><noscript>'),
  );
  await page.goto(`file://${path('cut.html')}`);
  await expect(page.locator('#app')).toContainText('The results cannot be read');
});
