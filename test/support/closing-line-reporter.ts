import type { FullResult, Reporter, Suite, TestCase } from '@playwright/test/reporter';

/** How many tests ended in which way. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** The closing line: `3 passed, 0 failed`, and `, 1 skipped` where any was. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** What a skipped test says of itself. */
export function skipReason(test: Pick<TestCase, 'annotations' | 'expectedStatus'>): string {
  const skips = test.annotations.filter(({ type }) => type === 'skip' || type === 'fixme');
  const reason = skips.find(({ description }) => description)?.description;
  if (reason !== undefined) return reason;
  // The runner also reports as skipped what it never came to: the rest of a serial group after a failure.
  return test.expectedStatus === 'skipped' ? 'no reason given' : 'did not run';
}

/** Names every skipped test with its reason, and ends the output with the tally. A run of nothing is a failed run. */
export default class ClosingLineReporter implements Reporter {
  private readonly listing: boolean;
  private root: Suite | undefined;
  private strayErrors = 0;

  constructor(options: { _mode?: string } = {}) {
    this.listing = options._mode === 'list';
  }

  printsToStdio(): boolean {
    return true;
  }

  onBegin(_config: unknown, suite: Suite): void {
    this.root = suite;
  }

  /** Errors outside of any test: a file that does not load, a set-up that failed. */
  onError(): void {
    this.strayErrors += 1;
  }

  async onEnd(result: FullResult): Promise<{ status: FullResult['status'] } | undefined> {
    if (this.listing) return undefined;
    const tally: Tally = { passed: 0, failed: this.strayErrors, skipped: 0 };
    const skipped: TestCase[] = [];
    for (const test of this.root?.allTests() ?? []) {
      const outcome = test.outcome();
      if (outcome === 'expected') tally.passed += 1;
      else if (outcome === 'skipped') skipped.push(test);
      // A flaky test failed once: no retry hides that here.
      else tally.failed += 1;
    }
    tally.skipped = skipped.length;
    const lines = skipped.map(
      (test) => `skipped: ${test.titlePath().filter(Boolean).join(' > ')}: ${skipReason(test)}`,
    );
    process.stdout.write(`${['', ...lines, closingLine(tally)].join('\n')}\n`);
    const bad = tally.failed > 0 || tally.passed === 0;
    return bad && result.status === 'passed' ? { status: 'failed' } : undefined;
  }
}
