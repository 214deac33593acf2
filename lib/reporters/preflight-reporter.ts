import type { Reporter, Suite, TestRun } from '@playwright/test/reporter';
import type { HostReport } from '../evidence/host-report.ts';
import { unsuitable } from '../host/preflight/suitable.ts';
import type { Cell } from '../matrix/cell.ts';
import { cellIdOfTitle } from '../runner/cells.ts';
import { readHostReport } from '../runner/host-reports.ts';
import { loadPlan, type Plan } from '../runner/plan.ts';
import { hostLines } from './host-lines.ts';

/** Says what preflight found, and takes out of the run what a host cannot run. */
export default class PreflightReporter implements Reporter {
  readonly #plan: Plan;
  readonly #listing: boolean;

  /** @param options._mode Playwright's own word for what it is doing: `test`, `list` or `merge` */
  constructor(options: { plan: Plan; _mode?: string }) {
    this.#plan = options.plan;
    this.#listing = options._mode === 'list';
  }

  printsToStdio(): boolean {
    return false;
  }

  async preprocess({ suite, testRun }: { suite: Suite; testRun: TestRun }): Promise<void> {
    const { hosts, cells, source } = loadPlan(this.#plan);
    // Listing asks no host, and what an earlier run found there is of no interest.
    if (source.kind !== 'hosts' || this.#listing) return;
    const reports = new Map<string, HostReport>();
    for (const { name } of hosts) {
      const report = readHostReport(this.#plan.runDirectory, name);
      if (report === undefined) continue;
      reports.set(name, report);
      process.stderr.write(
        hostLines(report, ['error', 'cannot', 'warning'])
          .map((line) => `${line}\n`)
          .join(''),
      );
    }
    const byId = new Map<string, Cell>(cells.map(({ cell }) => [cell.id, cell]));
    for (const test of suite.allTests()) {
      const report = reports.get(test.parent.project()?.name ?? '');
      const why = report && unsuitable(byId.get(cellIdOfTitle(test.title)), report);
      if (why !== undefined) testRun.skip(test, why);
    }
  }
}
