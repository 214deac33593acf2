import { z } from 'zod';
import { cellFileSchema, cellSchema, type Evidence, evidenceSchema } from './schema.ts';

/** The five kinds of result. */
export const RESULT_KINDS = ['pass', 'fail', 'infrastructure', 'configuration', 'skip'] as const;
export const resultKindSchema = z.enum(RESULT_KINDS);
export type ResultKind = z.infer<typeof resultKindSchema>;

/** How one test of a run ended: a cell on a host, in a suite. One line of `results.jsonl`. */
export const resultSchema = z.strictObject({
  suite: z.string().max(200),
  host: z.string().max(200),
  /** The title of the test; the id of the cell where it is of one. */
  id: z.string().max(1000),
  result: resultKindSchema,
  durationMs: z.number().nonnegative(),
  /** Why it is not a pass; empty for a pass. */
  message: z.string(),
  /** What was to be launched; null for a test that is not of one cell. */
  cell: cellSchema.nullable(),
});
export type Result = z.infer<typeof resultSchema>;

/** What a version of the harness made of evidence: a cell file without the evidence. */
const judgedSchema = cellFileSchema.omit({ format: true, evidence: true });
export type Judged = z.infer<typeof judgedSchema>;

/** A result with all that its cell left: what a recording keeps, and what runs are compared by. */
export const recordedRowSchema = resultSchema.extend({
  /** null in recordings of the first format, which did not keep it. */
  result: resultKindSchema.nullable(),
  /** null where the cell left nothing. */
  evidence: evidenceSchema.nullable(),
  /** What was made of it then; null where nothing was kept. */
  judged: judgedSchema.nullable(),
});
export type RecordedRow = z.infer<typeof recordedRowSchema>;

/** The suite and the title of the test that left evidence: those of its scenario, or of the plain launch of its cell. */
export function launchOf({ cell, scenario }: Pick<Evidence, 'cell' | 'scenario'>): Pick<Result, 'suite' | 'id'> {
  if (scenario === undefined) return { suite: 'launch', id: cell.id };
  return { suite: scenario.split('/', 1)[0] ?? '', id: `${cell.id}/${scenario}` };
}

/** What names a row from run to run. */
export function rowKey({ suite, host, id }: Pick<Result, 'suite' | 'host' | 'id'>): string {
  return JSON.stringify([suite, host, id]);
}
