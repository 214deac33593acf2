import { join } from 'node:path';
import { defineConfig } from '@playwright/test';
import { hostTagPattern } from './lib/runner/cells.ts';
import { loadPlan, readPlan } from './lib/runner/plan.ts';
import { cellTimeoutMs } from './lib/runner/timeouts.ts';

/** The sources of a checkout, or what tsc made of them in an installed package. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

const loaded = loadPlan(readPlan(process.env, process.cwd()));
const { plan, hosts, cells } = loaded;

export default defineConfig({
  testDir: './suites',
  outputDir: join(plan.runDirectory, 'attachments'),
  timeout: cellTimeoutMs(loaded),
  workers: hosts.reduce((sum, host) => sum + host.slots, 0),
  retries: 0,
  globalSetup: `./lib/runner/global-setup.${EXTENSION}`,
  reporter: [
    [`./lib/reporters/lab-reporter.${EXTENSION}`, { plan }],
    [`./lib/reporters/run-reporter.${EXTENSION}`, { plan, cells }],
  ],
  projects: hosts.map(({ name, slots }) => ({ name, workers: slots, grep: hostTagPattern(name) })),
});
