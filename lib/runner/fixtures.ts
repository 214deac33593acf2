import { homedir } from 'node:os';
import { _baseTest as base, expect as baseExpect } from '@playwright/test';
import { cacheDirectory } from '../cache.ts';
import { asHarnessError, HarnessError } from '../errors.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import type { Cell } from '../matrix/cell.ts';
import { describeExpectation } from '../scenarios/expectation.ts';
import { type LaunchOverrides, ownScenario } from '../scenarios/own-launch.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import {
  CELL_ATTACHMENT,
  EXPECTATION_ANNOTATION,
  LAB_NOTICE_ANNOTATION,
  REPLAY_CHANGE_ANNOTATION,
  TOOK_ANNOTATION,
} from './annotations.ts';
import { type Guest, guestOf } from './guest.ts';
import { toBeRefusedWith, toConform, toMeasure, toVerify } from './matchers.ts';
import { openSource } from './open-source.ts';
import type { CellOutcome, EvidenceSource } from './outcome.ts';
import { performLaunch } from './perform-launch.ts';
import { loadPlan, readPlan } from './plan.ts';
import { replayChange } from './replay-change.ts';

const plan = loadPlan(readPlan(process.env, process.cwd()));
/** Closing must not hold up a worker whose connection is already gone. */
const CLOSE_MS = 15_000;

interface TestFixtures {
  /**
   * Launches a cell on the project's host (or plays it back), keeps the evidence and judges it. With overrides, or a scenario
   * of the package, it is that launch of the cell; the test is skipped where it is not known what must come of a scenario on
   * this host. A refused launch is an outcome, not an error.
   */
  launch: (cell: Cell, how?: Scenario | LaunchOverrides) => Promise<CellOutcome>;
  /** Launches a cell whose guest must run and report, and gives what it said. */
  guest: (cell: Cell, overrides?: LaunchOverrides) => Promise<Guest>;
  /** What is known of the project's host: name, kind, kernel, QEMU builds and, where preflight asked, the machine. */
  host: HostProvenance;
}

interface WorkerFixtures {
  labHost: EvidenceSource;
}

// A worker outlives its runner by half a minute, and with it the connection and QEMU; without a runner it has no purpose.
process.once('disconnect', () => process.exit(1));

/** The test of a conformance suite: its project is a host. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  labHost: [
    // biome-ignore lint/correctness/noEmptyPattern: the runner wants a destructured first argument
    async ({}, use, workerInfo) => {
      const host = await openSource(plan, workerInfo.project.name, cacheDirectory(process.env, homedir()));
      await use(host);
      await host.close();
    },
    { scope: 'worker', timeout: 60_000 + CLOSE_MS },
  ],
  launch: async ({ labHost }, use, testInfo) => {
    const abort = new AbortController();
    await use(async (cell, how) => {
      const scenario = how === undefined || 'claim' in how ? how : ownScenario(how);
      const launch = { cell, scenario };
      const expectation = await labHost.expectationOf(launch);
      testInfo.annotations.push({ type: EXPECTATION_ANNOTATION, description: describeExpectation(expectation) });
      if (expectation.outcome === 'unknown') testInfo.skip(true, expectation.why);
      const { signal } = abort;
      try {
        const { left, outcome } = await performLaunch(labHost, launch, plan, signal);
        // Named and not copied: the file is where it belongs.
        testInfo.attachments.push({ name: CELL_ATTACHMENT, path: outcome.file, contentType: 'application/json' });
        const change = replayChange(left, outcome);
        if (change !== undefined) testInfo.annotations.push({ type: REPLAY_CHANGE_ANNOTATION, description: change });
        return outcome;
      } catch (thrown) {
        // A failed test costs its worker half a second; of a host that is set aside thousands may be left.
        const { message } = asHarnessError(thrown, { code: 'INTERNAL' });
        testInfo.skip(thrown instanceof HarnessError && thrown.code === 'HOST_SET_ASIDE', message);
        throw thrown;
      } finally {
        const { notices, tookMs } = labHost.takeAccount(launch);
        for (const description of notices) testInfo.annotations.push({ type: LAB_NOTICE_ANNOTATION, description });
        if (tookMs !== undefined) testInfo.annotations.push({ type: TOOK_ANNOTATION, description: tookMs.toFixed(1) });
      }
    });
    abort.abort();
  },
  guest: async ({ launch }, use) => {
    await use(async (cell, overrides) => guestOf(await launch(cell, overrides)));
  },
  host: async ({ labHost }, use) => {
    await use(await labHost.provenance());
  },
});

/** Playwright's expect, with what the harness adds; each matcher says what was expected and observed. */
export const expect = baseExpect.extend({ toConform, toMeasure, toBeRefusedWith, toVerify });
