import { defineConfig } from '@playwright/test';

/** The tests of lib/. */
export default defineConfig({
  testDir: '.',
  testMatch: '**/*.test.ts',
  fullyParallel: false,
  workers: 2,
  reporter: 'list',
});
