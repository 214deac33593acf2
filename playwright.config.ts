import { join } from 'node:path';
import { defineConfig } from '@playwright/test';
import { hostTagPattern } from './lib/runner/cells.ts';
import { loadPlan, readPlan } from './lib/runner/plan.ts';

/** A launch takes a second, a real guest's boot a minute; what takes longer hangs. */
const TEST_TIMEOUT_MS = 300_000;

/** The sources of a checkout, or what tsc made of them in an installed package. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

const { plan, hosts, cells } = loadPlan(readPlan(process.env, process.cwd()));

export default defineConfig({
  testDir: './suites',
  outputDir: join(plan.runDirectory, 'attachments'),
  timeout: TEST_TIMEOUT_MS,
  workers: hosts.reduce((sum, host) => sum + host.slots, 0),
  retries: 0,
  globalSetup: `./lib/runner/global-setup.${EXTENSION}`,
  reporter: [
    [`./lib/reporters/preflight-reporter.${EXTENSION}`, { plan }],
    [`./lib/reporters/run-reporter.${EXTENSION}`, { plan, cells }],
  ],
  projects: hosts.map(({ name, slots }) => ({ name, workers: slots, grep: hostTagPattern(name) })),
});
