import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type PlaywrightTestConfig,
  defineConfig as playwrightConfig,
  type ReporterDescription,
} from '@playwright/test';
import type { Part } from '../evidence/parts.ts';
import { sha256Hex } from '../evidence/recording/format.ts';
import { PART_KEY } from './annotations.ts';
import { hostTagPattern } from './cells.ts';
import { bundleFolder } from './package-root.ts';
import { loadPlan, readPlan } from './plan.ts';
import { cellTimeoutMs } from './timeouts.ts';
import { launchesAhead } from './worker-program.ts';

/** A module of this package, as the runner wants it named: a source, what tsc made of it, or a bundle of bin/snp-conform. */
function modulePath(name: string): string {
  const bundle = bundleFolder();
  if (bundle !== undefined) return join(bundle, 'runner', 'lib', `${name}.mjs`);
  return fileURLToPath(new URL(`../${name}${extname(import.meta.url)}`, import.meta.url));
}

/** The reporters of a configuration, in the longest of the forms that it may have them in. */
function reportersOf({ reporter }: PlaywrightTestConfig): ReporterDescription[] {
  if (reporter === undefined) return [];
  if (typeof reporter === 'string') return [[reporter]];
  return [...reporter];
}

/** What a blob report carries of its part: under a key of its own, for those of all parts become one object. */
function partMetadata(part: Part | undefined): Record<string, Part> {
  return part === undefined ? {} : { [`${PART_KEY}${sha256Hex(JSON.stringify(part))}`]: part };
}

/**
 * The configuration of suites that launch cells: every host of hosts.json, or of the recording that is played back, is a
 * project with as many workers as the host has slots, and results become the page, JUnit and the table. What is given wins;
 * reporters are added.
 * @param suites.announced do all their tests announce their launch? Then one worker a host sees them to their end
 * @throws HarnessError of the codes of hosts.json, matrix.json and recordings
 */
export function defineConfig(
  config: PlaywrightTestConfig = {},
  { announced = false }: { announced?: boolean } = {},
): PlaywrightTestConfig {
  const loaded = loadPlan(readPlan(process.env, process.cwd()));
  const { plan, hosts, cells } = loaded;
  const names = hosts.map(({ name }) => name);
  const workersOf = ({ slots }: { slots: number }): number => (announced && launchesAhead(loaded) ? 1 : slots);
  return playwrightConfig({
    testDir: './suites',
    outputDir: join(plan.runDirectory, 'attachments'),
    timeout: cellTimeoutMs(loaded),
    workers: hosts.reduce((sum, host) => sum + workersOf(host), 0),
    retries: 0,
    globalSetup: modulePath('runner/global-setup'),
    projects: hosts.map((host) => ({
      name: host.name,
      workers: workersOf(host),
      grep: hostTagPattern(host.name, names),
    })),
    ...config,
    metadata: { ...config.metadata, ...partMetadata(plan.part) },
    reporter: [
      [modulePath('reporters/lab-reporter'), { plan }],
      [modulePath('reporters/run-reporter'), { plan, cells }],
      ...(plan.blobFile === undefined
        ? []
        : ([['blob', { outputFile: plan.blobFile }]] satisfies ReporterDescription[])),
      ...reportersOf(config),
    ],
  });
}
