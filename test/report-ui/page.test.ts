import { openRecording } from '../../lib/evidence/recording/reader.ts';
import type { PageContext } from '../../lib/reporters/page/builder.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { madeRows } from '../reporters/page/made-run.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { browserForTests, violations, writePage } from './browser.ts';

const path = testFolder();
const look = browserForTests();

/** 100 cells: those of EPYC-Genoa with 8 vCPUs fail, one host is lost for a while, one cell is skipped. */
function rowsOfNight(): ResultRow[] {
  return [
    ...madeRows(100, ({ cell }, number) => {
      if (cell.vcpuType === 'EPYC-Genoa' && cell.vcpus === 8) return 'fail';
      if (number === 60 || number === 61) return 'infrastructure';
      return number === 99 ? 'skip' : 'pass';
    }),
  ];
}

/** The night before: everything passed but one cell, which is fixed now. */
const NIGHT_BEFORE = (rows: readonly unknown[]): PageContext => ({
  earlier: {
    title: '2026-01-09',
    results: rows.map((_, row) => (row === 0 ? 'f' : 'p')).join(''),
    changes: rows.map((_, row) => (row === 0 ? ['QEMU 10.0.2 became 11.1.0'] : null)),
    provenance: ['genoa-1: QEMU 10.0.2 became 11.1.0'],
  },
  history: { titles: ['a', 'b', 'c'], results: rows.map((_, row) => (row === 0 ? 'pff' : 'ppp')) },
});

test.beforeAll(async () => {
  await writePage(path('night.html'), rowsOfNight(), { context: NIGHT_BEFORE });
});

const FAILED_CELL = 'launch genoa-1 amdsev/linux-6.1/append-13/policy-0x30000/features-0x1/8-vcpu/EPYC-Genoa';
const linkTo = (key: string): string => `#${new URLSearchParams({ cell: key })}`;

test('the map shows first the two axes on which the failures stand out, and says what they have in common', async () => {
  const { page, complaints } = await look(path('night.html'));
  await expect(page.getByRole('combobox', { name: 'down' })).toHaveValue('vcpus');
  await expect(page.getByRole('combobox', { name: 'across' })).toHaveValue('vcpuType');
  await expect(page.getByRole('gridcell')).toHaveCount(50);
  const failed = page.getByRole('gridcell', { name: '8, EPYC-Genoa: 2 failed' });
  await expect(failed).toHaveText('2');
  await expect(page.getByRole('list', { name: 'What they have in common' })).toContainText(
    'Both that failed have vCPUs 8 and vCPU type EPYC-Genoa; no other cell has.',
  );
  expect(complaints).toEqual([]);
});

test('emulated evidence is called so at the top, and a recording is called one', async () => {
  const { page } = await look(path('night.html'));
  await expect(page.locator('[data-origin]')).toHaveText(/^emulated\s*No SNP hardware was involved/);
  await writePage(
    path('recorded.html'),
    madeRows(2, () => 'pass'),
    { recorded: true },
  );
  const recorded = await look(path('recorded.html'));
  await expect(recorded.page.locator('[data-origin]')).toHaveText(/^recorded emulated.*Played back from a recording/);
});

test('any two axes can be chosen, and several cells in a square are counted', async () => {
  const { page } = await look(path('night.html'));
  await page.getByRole('combobox', { name: 'down' }).selectOption('kernel');
  await page.getByRole('combobox', { name: 'across' }).selectOption('guestFeatures');
  const square = page.getByRole('gridcell', {
    name: 'linux-6.6, 0x1: of 50 1 failed, 2 lab trouble, 1 skipped, 46 passed',
  });
  await expect(square).toBeVisible();
  const parts = square.locator('.square-part');
  expect(await parts.evaluateAll((all) => all.map((part) => part.getAttribute('data-count')))).toEqual(['1', '2', '1']);
  expect(new URL(page.url()).hash).toContain('down=kernel');
});

test('filters, result counts and search leave what they say', async () => {
  const { page } = await look(path('night.html'));
  const shown = page.locator('.shown');
  await page.getByText('vCPU type', { exact: true }).first().click();
  await page.getByRole('checkbox', { name: 'EPYC-Genoa' }).check();
  await expect(shown).toContainText('20 cells of 100');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /2\s*failed/ }).click();
  await expect(shown).toContainText('2 cells of 100');
  await page.getByRole('button', { name: 'show all' }).click();
  await expect(shown).toContainText('All 100 cells');
  await page.keyboard.press('/');
  await page.keyboard.type('192-vcpu turin');
  await expect(shown).toContainText('2 cells of 100');
  await page.getByRole('searchbox').fill('no such cell');
  await expect(page.getByText('No cell is left by these filters.')).toBeVisible();
});

test('what only some cells tell is not said of every cell', async () => {
  const { page } = await look(path('night.html'));
  const told = page.locator('.constants p');
  await expect(told.first()).toHaveText(/^In every cell: .*QEMU build default/);
  await expect(told.first()).not.toContainText('QEMU version');
  await expect(told.last()).toHaveText(/^In 97 cells, not told by the other 3: .*QEMU version 10\.0\.2/);
});

test('a run without a cell says so', async () => {
  await writePage(path('empty.html'), []);
  const { page, complaints } = await look(path('empty.html'));
  await expect(page.locator('.shown')).toHaveText('This run has no cell: nothing was launched.');
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test('a digest that is searched for finds its cell', async () => {
  const [first] = rowsOfNight();
  const { page } = await look(path('night.html'));
  await page.getByRole('searchbox').fill(first?.cell?.predicted.slice(0, 20) ?? '');
  await expect(page.locator('.shown')).toContainText('1 cell of 100');
});

test('a link leads to a cell and its story, and back', async () => {
  const { page, complaints } = await look(path('night.html'), { hash: linkTo(FAILED_CELL) });
  const story = page.getByRole('article');
  await expect(story).toContainText('Bad measurement');
  await expect(story.getByRole('heading', { level: 2 })).toContainText('8-vcpu');
  await expect(story.locator('.digests')).toContainText('the firmware does not tell what it measured');
  await expect(story.locator('.refusal')).toContainText('SNP_LAUNCH_FINISH refused: Bad measurement');
  await page.keyboard.press('n');
  await expect(story.getByRole('heading', { level: 2 })).not.toContainText('linux-6.1features');
  const second = page.url();
  await page.goBack();
  await expect.poll(() => page.url()).not.toBe(second);
  await expect(story).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(story).toHaveCount(0);
  expect(complaints).toEqual([]);
});

/** The founding case, as the recording that ships has it. */
function foundingCase(): ResultRow[] {
  const recording = openRecording(projectPath('fixtures', 'recordings', 'founding-case.emulated.jsonl.gz'));
  return [...recording.rows()].map(({ suite, host, id, result, durationMs, message, cell, evidence, judged }) => {
    if (evidence === null || judged === null || result === null) throw new Error(`${id} left nothing`);
    const file = { format: 'snp-conform/cell@1' as const, evidence, ...judged };
    return { suite, host, name: id, result, durationMs, message, planned: cell ?? undefined, cell: file };
  });
}

test('an explanation says what was another, how that is known and what to do', async () => {
  await writePage(path('founding.html'), foundingCase());
  const { page, complaints } = await look(path('founding.html'));
  await page.keyboard.press('n');
  const cause = page.locator('.cause-card').first();
  await expect(cause.locator('.cause-kind')).toHaveText('proof seen on the host');
  await expect(cause).toContainText('Predict with --guest-features 0x21');
  await expect(cause.getByRole('row', { name: /guest.?features/i })).toContainText('0x1');
  expect(await violations(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test('the story of a cell that passed has its report, its pages and where it comes from', async () => {
  const key = 'launch genoa-1 amdsev/linux-6.1/append-13/policy-0x30000/features-0x1/2-vcpu/EPYC-v4';
  const { page } = await look(path('night.html'), { hash: linkTo(key) });
  const story = page.getByRole('article');
  await expect(story.locator('.digests-result')).toHaveText('They are the same.');
  for (const title of ['Attestation report', 'Measured pages', 'Provenance', 'Command line']) {
    await story.getByRole('heading', { name: title }).click();
  }
  await expect(story.getByRole('rowheader', { name: 'measurement' })).toBeVisible();
  await expect(story.getByRole('rowheader', { name: 'vCPU 1' })).toBeVisible();
  await expect(story).toContainText('qemu-pre-init2');
  await expect(story).toContainText('-accel kvm');
});

test('the earlier run and the history stand beside a cell', async () => {
  const { page } = await look(path('night.html'));
  await expect(page.getByRole('region', { name: 'Since the earlier run' })).toContainText('2 new failures, 1 fixed');
  await expect(page.getByRole('region', { name: 'Since the earlier run' })).toContainText('QEMU 10.0.2 became 11.1.0');
  await page.getByRole('checkbox', { name: 'changed since 2026-01-09' }).check();
  await page.getByRole('button', { name: /95\s*passed/ }).click();
  await page.locator('.cell-line').first().click();
  const story = page.getByRole('article');
  await expect(story).toContainText('It was: failed.');
  await expect(story).toContainText('QEMU 10.0.2 became 11.1.0');
  await expect(story.getByRole('img', { name: /passed, failed, failed, passed$/ })).toBeVisible();
});

test('the keyboard reaches every cell', async () => {
  const { page } = await look(path('night.html'));
  const focused = page.locator('[role="gridcell"]:focus');
  await page.locator('[role="gridcell"][tabindex="0"]').focus();
  await expect(focused).toHaveAttribute('aria-label', /^1, EPYC-Genoa/);
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowLeft']) await page.keyboard.press(key);
  await expect(focused).toHaveAttribute('aria-label', '8, EPYC-Genoa: 2 failed');
  await page.keyboard.press('Enter');
  await expect(page.locator('.shown')).toContainText('2 cells of 100');
  await page.locator('[role="gridcell"][tabindex="0"]').focus();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('dark is the system’s choice until the reader makes another', async () => {
  const { page } = await look(path('night.html'), { colorScheme: 'dark' });
  const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.keyboard.press('t');
  await expect.poll(background).not.toBe(dark);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await background()).not.toBe(dark);
});

test('on paper every cell of the list is there, and no control', async () => {
  const { page } = await look(path('night.html'), { media: 'print' });
  await expect(page.locator('.cell-line')).toHaveCount(100);
  await expect(page.getByRole('searchbox')).toBeHidden();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing wrong, ${colorScheme}, with and without a story`, async () => {
    const { page } = await look(path('night.html'), { colorScheme });
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('n');
    await page.locator('.digests').waitFor();
    await page.locator('details.section').evaluateAll((sections) => {
      for (const section of sections) section.setAttribute('open', '');
    });
    expect(await violations(page)).toEqual([]);
    // What is narrow is laid out otherwise, in the same colours.
    if (colorScheme === 'dark') return;
    await page.setViewportSize({ width: 400, height: 800 });
    expect(await violations(page)).toEqual([]);
  });
}
