import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { HarnessError } from '../errors.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { type Plan, planSchema } from '../runner/plan.ts';

/** What a run was made of; in its directory. */
export const PLAN_FILE = 'plan.json';

const refuse = (what: string, where: string, hint: string): HarnessError =>
  new HarnessError({ code: 'USAGE', what, where, hint });

/**
 * The plan of a run that is to be gone on with, with its files where they are now.
 * @param folder the directory of the run, or the folder of its reports   @throws HarnessError USAGE, JSON_INVALID
 */
export function resumedPlan(folder: string): Plan {
  const given = resolve(folder);
  const runDirectory = [given, join(given, 'run')].find((path) => existsSync(join(path, PLAN_FILE)));
  if (runDirectory === undefined) {
    throw refuse('there is no run in this folder', given, 'name the folder that has plan.json, or the one above it');
  }
  const plan = readJsonFile(join(runDirectory, PLAN_FILE), planSchema, 'JSON_INVALID');
  if (plan.source.kind === 'replay') {
    throw refuse('this run played a recording back', runDirectory, 'play it again: snp-conform run --replay FILE');
  }
  // A run that was set aside keeps its reports to itself.
  const reportsDirectory =
    runDirectory === plan.runDirectory ? plan.reportsDirectory : dirname(join(runDirectory, 'x'));
  // Its hosts are reached from now on.
  const { merging: _, ...rest } = plan;
  return { ...rest, runDirectory, reportsDirectory, resumed: true };
}
