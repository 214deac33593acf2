import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from '@playwright/test';
import { inputsOfCell, writeMatrixPage } from '../../lib/reporters/matrix-page.ts';
import { PageBuilder, type PageContext, type PageRowName } from '../../lib/reporters/page/builder.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { launchChromium } from '../support/page-pauses.ts';
import { test } from '../support/test.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How a page is looked at. */
export interface Look {
  colorScheme?: 'light' | 'dark';
  width?: number;
  height?: number;
  media?: 'print';
  hash?: string;
}

/** A page that is looked at, and what went wrong meanwhile. */
export interface Looked {
  page: Page;
  /** Errors and refusals of the browser, and requests to anywhere but the file itself. */
  complaints: string[];
}

/** Writes the page of rows. */
export async function writePage(
  path: string,
  rows: Iterable<ResultRow>,
  options: { recorded?: boolean; context?: (rows: readonly PageRowName[]) => PageContext } = {},
): Promise<void> {
  const { recorded = false, context } = options;
  const run = { title: 'Nightly matrix', tool: 'snp-conform 0.1.0', recorded, madeAt: new Date(0), troubles: [] };
  const builder = new PageBuilder(run, inputsOfCell);
  for (const row of rows) builder.add(row);
  await writeMatrixPage(path, builder.end(context));
}

/** Debian's Chromium for the tests of one file. @returns opens a page from disk, and waits until it is drawn */
export function browserForTests(): (path: string, look?: Look) => Promise<Looked> {
  let browser: Browser | undefined;
  test.afterAll(async () => browser?.close());
  return async (path, look = {}) => {
    browser ??= await launchChromium();
    const { colorScheme = 'light', width = 1400, height = 900, media, hash = '' } = look;
    const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith('file:') && !url.startsWith('data:')) complaints.push(`request: ${url}`);
    });
    if (media !== undefined) await page.emulateMedia({ media });
    await page.goto(`file://${path}${hash}`);
    await page.locator('html[data-ready]').waitFor();
    return { page, complaints };
  };
}

/** What axe finds wrong with what is drawn, one line each. */
export async function violations(page: Page): Promise<string[]> {
  // The page's policy runs no script element but its own; what the debugger evaluates is not asked.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`),
    }));
  });
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node}`));
}
