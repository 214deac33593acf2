import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

const here = dirname(fileURLToPath(import.meta.url));

/** The tests of this project; the suites that users run have the configuration at the project's root. */
export default defineConfig({
  testDir: '.',
  testMatch: '**/*.test.ts',
  outputDir: '../test-results',
  globalSetup: './lab/global-setup.ts',
  fullyParallel: false,
  forbidOnly: process.env.CI !== undefined,
  retries: 0,
  // One more than the two processors that it is measured on: some of the tests wait for times to run out.
  workers: 3,
  // The last reporter has the last word: the line `N passed, N failed`.
  reporter: [[process.stdout.isTTY ? 'line' : 'dot'], ['./support/closing-line-reporter.ts']],
  // Started in this order: the longest first, and the many short ones fill what is left at the end.
  projects: [
    // Each of its runs has workers of its own.
    { name: 'emulated', testDir: './emulated', timeout: 600_000, workers: 2 },
    { name: 'project', testDir: './project', timeout: 180_000 },
    // The page of results, in a real browser.
    { name: 'page', testDir: './report-ui', timeout: 60_000 },
    // Absolute: a pattern like `project/**` would also match a folder above the checkout.
    {
      name: 'unit',
      testIgnore: [`${here}/emulated/**`, `${here}/project/**`, `${here}/report-ui/**`],
      timeout: 60_000,
    },
  ],
});
