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
  workers: 2,
  // The last reporter has the last word: the line `N passed, N failed`.
  reporter: [[process.stdout.isTTY ? 'line' : 'dot'], ['./support/closing-line-reporter.ts']],
  projects: [
    // Absolute: a pattern like `project/**` would also match a folder above the checkout.
    {
      name: 'unit',
      testIgnore: [`${here}/emulated/**`, `${here}/project/**`, `${here}/report-ui/**`],
      timeout: 60_000,
    },
    // The page of results, in a real browser.
    { name: 'page', testDir: './report-ui', timeout: 60_000 },
    { name: 'project', testDir: './project', timeout: 180_000 },
    { name: 'emulated', testDir: './emulated', timeout: 600_000 },
  ],
});
