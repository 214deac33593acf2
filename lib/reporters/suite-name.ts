import type { TestCase } from '@playwright/test/reporter';

/** The suite of a test: `launch` for suites/launch.spec.ts. */
export function suiteName(test: TestCase): string {
  return /([^/\\]+)\.spec\.(?:ts|m?js)$/.exec(test.location.file)?.[1] ?? 'launch';
}
