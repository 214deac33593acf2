import type { Check } from '../finding.ts';

/** All checks made on one cell's evidence, and what follows. */
export interface Verdict {
  /**
   * fail: a check failed, the thing under test is wrong. infrastructure: none failed, but the guest never spoke or the
   * lab could not launch. pass: the guest ran, and some check passed; or it was refused as it had to be.
   */
  result: 'pass' | 'fail' | 'infrastructure';
  /** Of a scenario: what had to come of the launch, in words. */
  expected?: string | undefined;
  checks: Check[];
}
