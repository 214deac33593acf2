import { z } from 'zod';

/** What the command line reads when the runner is done. */
export const SUMMARY_FILE = 'summary.json';
/** The results for machines, in the reports directory. */
export const JUNIT_FILE = 'junit.xml';
/** The same in the Common Test Report Format. */
export const CTRF_FILE = 'ctrf.json';
/** The same as Markdown. */
export const MARKDOWN_FILE = 'summary.md';
/** The results for people, in the reports directory. */
export const PAGE_FILE = 'matrix.html';

const count = z.int().nonnegative();

export const summarySchema = z.strictObject({
  /** Playwright's own word: passed, failed, interrupted, timedout. */
  status: z.string(),
  totals: z.strictObject({ pass: count, fail: count, infrastructure: count, configuration: count, skip: count }),
  /** Errors outside of any test. */
  troubles: z.array(z.string()),
});
export type Summary = z.infer<typeof summarySchema>;
