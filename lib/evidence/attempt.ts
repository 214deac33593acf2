import { z } from 'zod';

/** What one attempt to launch a cell came to. */
export const attemptSchema = z.strictObject({
  host: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number().nonnegative(),
  /** Null: it gave evidence that says something of the thing under test. */
  trouble: z.strictObject({ code: z.string().max(60), what: z.string().max(2000) }).nullable(),
});
export type Attempt = z.infer<typeof attemptSchema>;

/** The host whose result evidence is: that which launched, or the one that it stood in for. */
export function resultHostOf(evidence: { host: { name: string }; standsInFor?: string | undefined }): string {
  return evidence.standsInFor ?? evidence.host.name;
}
