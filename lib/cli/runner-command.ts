import { createRequire } from 'node:module';
import { join } from 'node:path';
import { execa } from 'execa';
import { HarnessError } from '../errors.ts';
import { bundleFolder, packageRoot } from '../runner/package-root.ts';
import { PLAN_VARIABLE, type Plan } from '../runner/plan.ts';
import { listedTests } from '../runner/test-list.ts';
import { PLAN_FILE } from './resume.ts';

/** Of the tests that a run could choose from so many are named where it chose none. */
const NAMES_SHOWN = 5;
/** So long may it take to list them. */
const LIST_MS = 60_000;

/** Are configuration and suites the package's own, bundled or compiled: plain JavaScript? */
function isCompiled(config: string): boolean {
  return [bundleFolder(), join(packageRoot(), 'dist')].some((folder) => config.startsWith(`${folder}/`));
}

/** The subcommands of the runner that are used. */
type RunnerTask = 'test' | 'merge-reports';

/** The command line of the runner without filters, and what it learns by its environment. */
export function runnerCommand(
  plan: Plan,
  config: string,
  task: RunnerTask = 'test',
): { args: string[]; env: Record<string, string> } {
  const cli = createRequire(import.meta.url).resolve('@playwright/test/cli');
  const env = {
    [PLAN_VARIABLE]: join(plan.runDirectory, PLAN_FILE),
    // Its loader for TypeScript takes a third of a second to start, in the runner and in each worker.
    // Source: Playwright packages/playwright/src/transform/transform.ts
    ...(isCompiled(config) && { PW_DISABLE_TS_ESM: '1' }),
  };
  return { args: [cli, task, '-c', config], env };
}

/** What of a plan narrows the tests down, as it is typed. */
export function runnerFilters({ grep, shard }: Plan): string[] {
  return [...(grep === undefined ? [] : ['--grep', grep]), ...(shard === undefined ? [] : ['--shard', shard])];
}

/**
 * The error of a run whose filters left nothing. It asks the runner which tests there are.
 * @param config the configuration of the runner   @param cells how many cells the plan has
 */
export async function nothingLeft(plan: Plan, config: string, cells: number): Promise<HarnessError> {
  const { args, env } = runnerCommand(plan, config);
  const { stdout } = await execa(process.execPath, [...args, '--list'], { env, reject: false, timeout: LIST_MS });
  const names = listedTests(stdout);
  const some = names.slice(0, NAMES_SHOWN);
  const [what, hint] =
    some.length === 0
      ? [`none of the ${cells} cells is left by --host, --suite and --config`, 'see snp-conform run --help']
      : [
          `no test is left by ${runnerFilters(plan).join(' ')}, of ${names.length}`,
          `--grep is a regular expression for any part of a name, in capitals or not; some names: ${some.join(', ')}`,
        ];
  return new HarnessError({ code: 'MATRIX_EMPTY', what, where: 'snp-conform run', hint });
}
