import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { hostFactsSchema } from './host-facts.ts';
import { type HostProvenance, hostProvenanceSchema } from './schema.ts';

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** One thing that preflight has to say of a host. */
const hostFindingSchema = z.strictObject({
  /**
   * error: no cell runs there, and somebody must do something. cannot: no cell runs there, and that is how this machine
   * is. warning: some cells do not run, or not as many at once. note: worth knowing.
   */
  level: z.enum(['error', 'cannot', 'warning', 'note']),
  /** What kind of trouble it is; null for what is none. */
  code: z.enum(codes).nullable(),
  what: z.string(),
  /** What to do about it; null where there is nothing to do. */
  fix: z.string().nullable(),
});
export type HostFinding = z.infer<typeof hostFindingSchema>;

/** What preflight made of one host: one file of a run directory, and a row of `hosts check`. */
export const hostReportSchema = z.strictObject({
  format: z.literal('snp-conform/host@1'),
  name: z.string(),
  checkedAt: z.iso.datetime(),
  /** out: something is wrong with it. unfit: this machine cannot launch SNP guests, and nothing is wrong. */
  state: z.enum(['ready', 'out', 'unfit']),
  findings: z.array(hostFindingSchema),
  /** What it said of itself; null: it could not be asked. */
  facts: hostFactsSchema.nullable(),
  /** What evidence of its launches begins with, facts apart; null: nothing can be launched there. */
  provenance: hostProvenanceSchema.omit({ facts: true }).nullable(),
  /** How many guests run there at once, and what bounds them where it is not hosts.json. */
  slots: z.strictObject({
    configured: z.int().positive(),
    usable: z.int().nonnegative(),
    boundBy: z.enum(['asids', 'memory', 'host']).nullable(),
    why: z.string().nullable(),
  }),
});
export type HostReport = z.infer<typeof hostReportSchema>;

/** What evidence of launches on a host says of it; undefined for a host on which nothing can be launched. */
export function provenanceOf({
  provenance,
  facts,
}: Pick<HostReport, 'provenance' | 'facts'>): HostProvenance | undefined {
  return provenance === null || facts === null ? undefined : { ...provenance, facts };
}
