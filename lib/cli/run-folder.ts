import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { makeFolder } from '../evidence/folders.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { beginManifest, MANIFEST_FILE } from '../evidence/manifest.ts';
import { EARLIER_FOLDER } from '../runner/load-run.ts';
import { bundleFolder, packageRoot, packageVersion } from '../runner/package-root.ts';
import { type Plan, planSchema } from '../runner/plan.ts';
import {
  CTRF_FILE,
  JUNIT_FILE,
  MARKDOWN_FILE,
  PAGE_FILE,
  SUMMARY_FILE,
  type Summary,
  summarySchema,
} from '../runner/summary.ts';
import { PLAN_FILE } from './resume.ts';

/** Where the runner's configuration is: bundled or TypeScript in a checkout, compiled in an installed package. */
export function configPath(): string {
  const bundle = bundleFolder();
  if (bundle !== undefined) return join(bundle, 'runner', 'playwright.config.mjs');
  const root = packageRoot();
  const compiled = join(root, 'dist', 'playwright.config.js');
  const inCheckout = existsSync(join(root, 'test', 'playwright.config.ts'));
  return inCheckout || !existsSync(compiled) ? join(root, 'playwright.config.ts') : compiled;
}

/** Takes away what an earlier run reported: whatever goes wrong from here on, yesterday's results must not be taken for today's. */
export async function clearReports({ reportsDirectory }: Plan): Promise<void> {
  makeFolder(reportsDirectory, '--out');
  for (const name of [JUNIT_FILE, CTRF_FILE, MARKDOWN_FILE, PAGE_FILE])
    await rm(join(reportsDirectory, name), { force: true });
}

/** Makes room for a run: what was launched before is moved, never deleted; what was played back can be played again. */
async function setAside({ runDirectory, reportsDirectory }: Plan): Promise<void> {
  if (!existsSync(runDirectory)) return;
  const planFile = join(runDirectory, PLAN_FILE);
  if (!existsSync(planFile)) {
    // A command that was killed before it wrote its plan.
    const isFolder = (await stat(runDirectory)).isDirectory();
    if (isFolder && readdirSync(runDirectory).join() === MANIFEST_FILE) {
      await rm(runDirectory, { recursive: true, force: true });
      return;
    }
    throw new HarnessError({
      code: 'USAGE',
      what: 'this folder is there and is not of an earlier run',
      where: runDirectory,
      hint: 'name another folder with --out',
    });
  }
  if (readJsonFile(planFile, planSchema, 'JSON_INVALID').source.kind === 'replay') {
    // Its plan would go before the rest: what a killed command left half removed would be nobody's.
    const played = `${runDirectory}.played`;
    await rm(played, { recursive: true, force: true });
    await rename(runDirectory, played);
    await rm(played, { recursive: true, force: true });
    return;
  }
  const { mtime } = await stat(planFile);
  const earlier = join(reportsDirectory, EARLIER_FOLDER, mtime.toISOString().replaceAll(/[:.]/g, '-'));
  makeFolder(dirname(earlier), '--out');
  await rename(runDirectory, earlier);
}

/** Begins a run in a directory of its own. */
export async function beginRun(plan: Plan): Promise<void> {
  await setAside(plan);
  makeFolder(plan.runDirectory, '--out');
  beginManifest(plan.runDirectory, {
    tool: `snp-conform ${packageVersion()}`,
    startedAt: new Date().toISOString(),
    recording: plan.source.kind === 'replay' ? plan.source.recordingFile : null,
  });
}

/**
 * Starts the runner and waits for its end. An ending of this process asked for by signal becomes an orderly ending of it.
 * @param args its command line   @returns was that asked for?
 */
export async function runRunner(
  plan: Plan,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ interrupted: boolean }> {
  await writeFile(join(plan.runDirectory, PLAN_FILE), `${JSON.stringify(plan, null, 1)}\n`);
  const child = execa(process.execPath, args, {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    reject: false,
    cleanup: false,
    detached: true,
  });
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    child.kill('SIGINT');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    await child;
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
  return { interrupted };
}

/** How the run of a plan ended, as its runner said. @throws HarnessError INTERNAL where it said nothing */
export function readSummary(plan: Plan): Summary {
  const path = join(plan.runDirectory, SUMMARY_FILE);
  if (!existsSync(path)) {
    throw new HarnessError({ code: 'INTERNAL', what: 'the runner ended without a summary', where: path });
  }
  return summarySchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** What is wrong with the thing under test comes first; then the user's input; then the lab, or an interruption. */
export function exitCodeOf({ totals, status, troubles }: Summary, { shard }: Pick<Plan, 'shard'> = {}): number {
  if (totals.fail > 0) return EXIT_CODES.failure;
  if (totals.configuration > 0) return EXIT_CODES.configuration;
  if (totals.infrastructure > 0 || status !== 'passed' || troubles.length > 0) return EXIT_CODES.infrastructure;
  // With fewer cells than parts, some part has none.
  const isEmptyPart = shard !== undefined && totals.skip === 0;
  return totals.pass > 0 || isEmptyPart ? EXIT_CODES.ok : EXIT_CODES.configuration;
}
