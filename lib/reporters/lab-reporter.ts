import { setPriority } from 'node:os';
import type { FullConfig, Reporter, Suite, TestCase, TestResult, TestRun } from '@playwright/test/reporter';
import type { HostReport } from '../evidence/host-report.ts';
import { unsuitable } from '../host/preflight/suitable.ts';
import type { Cell } from '../matrix/cell.ts';
import { launchProcesses } from '../runner/ahead/launch-processes.ts';
import { announcedLaunch, LAB_NOTICE_ANNOTATION } from '../runner/annotations.ts';
import { cellIdOfTitle } from '../runner/cells.ts';
import { readHostReport } from '../runner/host-reports.ts';
import { loadPlan, type Plan } from '../runner/plan.ts';
import { hostLines } from './host-lines.ts';
import { plainText } from './plain-text.ts';

const MAX_NOTICE = 2000;
/** Of this process and its workers, behind that of launches. */
const WORKER_PRIORITY = 5;

/**
 * Says what happens in the lab: what preflight found, which cells were tried again, which host was set aside. Takes out of
 * the run what a host cannot run.
 */
export default class LabReporter implements Reporter {
  readonly #plan: Plan;
  readonly #listing: boolean;
  /** What was said already: every worker notices that a host is set aside. */
  readonly #said = new Set<string>();
  #triedAgain = 0;
  readonly #setAside: string[] = [];

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

  /** What is to run is known now: launches that tests announce are made ahead of them. */
  onBegin(_config: FullConfig, suite: Suite): void {
    const announced = new Map<string, string[]>();
    for (const { parent, annotations, expectedStatus } of suite.allTests()) {
      const launch = announcedLaunch(annotations);
      if (launch === undefined || expectedStatus === 'skipped') continue;
      const host = parent.project()?.name ?? '';
      const names = announced.get(host) ?? [];
      names.push(launch);
      announced.set(host, names);
    }
    const processes = launchProcesses();
    if (processes === undefined) return;
    processes.launch(Object.fromEntries(announced));
    // Workers, which are made from now on, take a second of a processor each to start: the launches are what everybody waits for.
    setPriority(WORKER_PRIORITY);
  }

  onTestEnd(_test: TestCase, { annotations }: TestResult): void {
    for (const { type, description = '' } of annotations) {
      if (type !== LAB_NOTICE_ANNOTATION || this.#said.has(description)) continue;
      this.#said.add(description);
      if (description.startsWith('HOST_SET_ASIDE')) this.#setAside.push(description);
      else this.#triedAgain++;
      process.stderr.write(`${clearLine()}LAB ${plainText(description, MAX_NOTICE).replaceAll('\n', '\n    ')}\n`);
    }
  }

  onEnd(): void {
    if (this.#triedAgain > 0) process.stdout.write(`\nlab: ${this.#triedAgain} cells were tried more than once\n`);
    for (const notice of this.#setAside) process.stdout.write(`lab: ${plainText(notice, MAX_NOTICE)}\n`);
  }
}

/** Progress may stand on the line that is written to. */
function clearLine(): string {
  return process.stderr.isTTY === true && process.env.CI === undefined ? '\r\u001b[K' : '';
}
